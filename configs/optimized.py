"""Optimized, the guide's best single model, on log-mel frames plus energy and pitch.

python scripts/train.py --config=configs/optimized.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/optimized

docs/results.md gives its figures on RAVDESS.
"""

from voxjax.config import Config, FrameFeatures, Hyper, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="optimized",
            architecture="optimized",
            model=options(
                "optimized",
                {"stem": (16, 32, 48), "filters": (32, 32), "lstm": (64,), "dense": (128,), "pooling": "attention"},
            ),
            features=FrameFeatures(channels=("logmel", "energy", "pitch"), centre="clip"),
            offline_augment=OfflineAugmentConfig(
                augmentation_factor=0
            ),  # tempo and vocal tract are augmented in the step
            hyper=Hyper(
                learning_rate=1.5e-3,
                weight_decay=2e-2,
                ema_decay=0.995,
                dropout=0.2,
                head_dropout=0.35,
                mixup_alpha=0.3,
                mixup_probability=0.5,
                ramp_fraction=0.25,
                time_mask_fraction=0.16,
                frequency_mask_fraction=0.16,
                time_stretch=0.25,
                vtlp=0.16,
            ),
            train=TrainConfig(epochs=80, patience_epochs=80, crop_s=2.56, valid_fraction=0.06, keep="last"),
        )
    )
