"""Whisper tiny.en's frozen blocks 1 to 3 as means and deviations over time, and a small network on them.

python scripts/crossval.py --config=configs/whisper_statistics.py --protocol=speaker5 --seeds=3 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_statistics
"""

import pathlib
import runpy

from voxjax.models import options

_TINY = pathlib.Path(__file__).with_name("whisper_tiny.py")


def get_config():
    config = runpy.run_path(str(_TINY))["get_config"]()
    config.name = "whisper_statistics"
    config.architecture = "encoder_statistics"
    config.model = options("encoder_statistics", {"dense": 512})
    config.features.blocks = (1, 2, 3)
    config.hyper.dropout = 0.8  # of the statistics
    config.hyper.head_dropout = 0.7
    config.hyper.mixup_alpha = 0.0  # the deviation of a mixture is not the mixture of deviations
    config.hyper.ema_decay = 0.99
    config.hyper.time_mask_fraction = 0.0
    config.hyper.frequency_mask_fraction = 0.0
    config.train.epochs = config.train.patience_epochs = 90
    return config
