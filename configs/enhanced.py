"""Enhanced, the guide's plain deep CNN.

python scripts/train.py --config=configs/enhanced.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/enhanced
"""

from voxjax.config import Config, FrameFeatures, Hyper, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="enhanced",
            architecture="enhanced",
            model=options("enhanced", {}),
            features=FrameFeatures(channels=("logmel", "energy", "pitch")),
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
                ramp_fraction=0.25,
            ),
            train=TrainConfig(epochs=60, patience_epochs=60, crop_s=2.56),
        )
    )
