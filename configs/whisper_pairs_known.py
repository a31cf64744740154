"""As configs/whisper_pairs.py, for people who are trained on, too: their covariance is shrunk less.

python scripts/crossval.py --config=configs/whisper_pairs_known.py --protocol=random5 --config.corpus=ravdess \
    --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_pairs_known
"""

import pathlib
import runpy

from voxjax.models import options


def get_config():
    pairs = pathlib.Path(__file__).with_name("whisper_pairs.py")
    config = runpy.run_path(str(pairs))["get_config"]()
    config.name = "whisper_pairs_known"
    nuisances = (0.0, 0.5)
    members = (
        {**member, "model": options("lda", {"shrinkage": 0.3, "nuisance": nuisance})}
        for member, nuisance in zip(config.members, nuisances, strict=True)
    )
    config.members = tuple(members)
    return config
