"""Optimized, the guide's best single model, on log-mel frames.

python scripts/train.py --config=configs/optimized.py --config.corpus=ravdess --data_dir=DATA
"""

from voxjax.config import Config, CopiesConfig, Hyper, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="optimized",
            architecture="optimized",
            model=options("optimized", {"stem": (16, 32), "filters": (32, 64), "pooling": "attention"}),
            copies=CopiesConfig(augmentation_factor=0),  # tempo and tract are varied inside the step
            hyper=Hyper(
                learning_rate=1.5e-3,
                weight_decay=2e-2,
                ema_decay=0.998,
                dropout=0.25,
                head_dropout=0.4,
                mixup_alpha=0.3,
                mixup_share=0.6,
                ramp_share=0.25,
                time_mask_share=0.18,
                frequency_mask_share=0.18,
            ),
            train=TrainConfig(epochs=200, patience_epochs=80, valid_share=0.08),
        )
    )
