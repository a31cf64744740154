"""Whisper base's frozen third block under the head of configs/whisper_tiny.py, for a vote of both.

python scripts/crossval.py --config=configs/whisper_base.py --protocol=speaker5 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_base
"""

import pathlib
import runpy

_TINY = pathlib.Path(__file__).with_name("whisper_tiny.py")


def get_config():
    config = runpy.run_path(str(_TINY))["get_config"]()
    config.name = "whisper_base"
    config.features.encoder = "whisper_base"
    config.features.blocks = (3,)
    return config
