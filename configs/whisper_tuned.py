"""Whisper tiny.en with its second block fine-tuned, under the head of configs/whisper_tiny.py; the first stays frozen.

python scripts/crossval.py --config=configs/whisper_tuned.py --protocol=speaker5 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_tuned
"""

import pathlib
import runpy

from voxjax.models import options

_TINY = pathlib.Path(__file__).with_name("whisper_tiny.py")


def get_config():
    config = runpy.run_path(str(_TINY))["get_config"]()
    config.name = "whisper_tuned"
    config.architecture = "encoder_tuned"
    config.model = options("encoder_tuned", {"head": config.model.to_dict()})
    config.features.blocks, config.features.tuned_blocks = (1,), 1
    config.features.centre = "none"  # a block expects the output of the one below
    config.hyper.mixup_alpha = 0.0  # a mixture of a block's inputs does not give a mixture of its outputs
    config.hyper.frequency_mask_fraction = 0.0  # a block expects all its channels
    config.hyper.finetune_rate_scale = 0.1
    config.hyper.unfreeze_fraction = 0.3
    config.train.epochs = config.train.patience_epochs = 20
    config.train.crop_s = 3.2
    return config
