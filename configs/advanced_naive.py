"""Advanced as the guide trained it, to show how it collapses; not for use.

The naive focal loss, dropout of 0.5 with heavy L2, and a cosine that ends after a third of training.

python scripts/train.py --config=configs/advanced_naive.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/naive
"""

from voxjax.config import Config, FrameFeatures, GuardConfig, Hyper, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="advanced_naive",
            architecture="advanced",
            model=options("advanced", {"stem": (16, 32, 48), "filters": (48, 64, 96), "lstm": (64,), "dense": (128,)}),
            features=FrameFeatures(channels=("logmel", "energy", "pitch"), centre="clip"),
            offline_augment=OfflineAugmentConfig(
                augmentation_factor=0
            ),  # tempo and vocal tract are augmented in the step
            hyper=Hyper(
                learning_rate=1e-3,
                warmup_fraction=0.0,
                cosine_fraction=0.3,
                floor_fraction=0.0,
                weight_decay=0.0,
                clip_norm=1e9,  # none
                ema_decay=0.0,
                dropout=0.5,
                head_dropout=0.5,
                label_smoothing=0.0,
                focal_gamma=5.0,
                l2=5e-2,
                ramp_fraction=0.0,
            ),
            train=TrainConfig(epochs=30, patience_epochs=30, crop_s=2.56),
            class_balance=1.0,
            loss="focal_naive",
            guard=GuardConfig(action="warn"),
        )
    )
