"""Advanced: the network that collapsed in the guide, trained stably.

A focal loss from log-probabilities whose gamma and class weights rise slowly, moderate dropout, decoupled
weight decay instead of L2, a cosine with a floor, and a guard that rolls back a collapse.

python scripts/train.py --config=configs/advanced.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/advanced
"""

from voxjax.config import Config, FrameFeatures, GuardConfig, Hyper, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="advanced",
            architecture="advanced",
            model=options("advanced", {"stem": (16, 32, 48), "filters": (48, 64, 96), "lstm": (64,), "dense": (128,)}),
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
                ramp_fraction=0.25,
                focal_gamma=1.0,
                loss_ramp_fraction=0.3,
            ),
            train=TrainConfig(epochs=80, patience_epochs=80, crop_s=2.56),
            class_balance=0.5,
            guard=GuardConfig(action="recover"),
        )
    )
