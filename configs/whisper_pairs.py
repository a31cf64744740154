"""Two discriminants on two Whisper encoders, voting: of clips as recorded, and of speech at one level with copies.

python scripts/crossval.py --config=configs/whisper_pairs.py --protocol=speaker5 --config.corpus=ravdess \
    --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_pairs
"""

import pathlib
import runpy

from voxjax.config import MemberConfig
from voxjax.config_schema import thaw
from voxjax.models import options

_COPIES = {
    "augmentation_factor": 2,
    "methods": ("noise|room|speed|speech_noise|telephone|tilt",),
    "noise_snr_db": (5.0, 30.0),
    "speed_rate": (0.88, 1.12),
}


def get_config():
    pair = pathlib.Path(__file__).with_name("whisper_pair.py")
    config = runpy.run_path(str(pair))["get_config"]()
    config.name = "whisper_pairs"
    members = (
        MemberConfig(architecture="lda", model=config.model.to_dict()),
        MemberConfig(
            architecture="lda",
            model=options("lda", {"shrinkage": 0.85, "nuisance": 2.0}),
            features={"trim_db": 35.0, "level": "speech"},
            offline_augment=_COPIES,
        ),
    )
    config.n_members = len(members)
    config.members = tuple(thaw(member) for member in members)
    return config
