"""As configs/whisper_discriminant.py, on two blocks and shrunk less: for the people and microphones of training.

python scripts/crossval.py --config=configs/whisper_known.py --protocol=random5 --seeds=3 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_known
"""

import pathlib
import runpy

from voxjax.models import options


def get_config():
    plain = pathlib.Path(__file__).with_name("whisper_discriminant.py")
    config = runpy.run_path(str(plain))["get_config"]()
    config.name = "whisper_known"
    config.features.blocks = (1, 2)
    config.model = options("lda", {"shrinkage": 0.3})
    return config
