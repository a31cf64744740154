"""CNN, a member of the guide's ensemble: plain convolutions under a strided stem.

python scripts/train.py --config=configs/cnn.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/cnn
"""

from voxjax.config import Config, CopiesConfig, FeatureConfig, Hyper, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="cnn",
            architecture="cnn",
            model=options("cnn", {"stem": (16, 32, 48), "filters": (64, 96, 128), "kernel": 3}),
            features=FeatureConfig(channels=("logmel", "energy", "pitch"), centre="clip"),
            copies=CopiesConfig(augmentation_factor=0),  # tempo and tract are varied inside the step
            hyper=Hyper(
                learning_rate=1.5e-3,
                weight_decay=2e-2,
                ema_decay=0.995,
                dropout=0.2,
                head_dropout=0.35,
                mixup_alpha=0.3,
                ramp_share=0.25,
            ),
            train=TrainConfig(epochs=70, patience_epochs=70, crop_s=2.56, valid_share=0.06, keep="last"),
        )
    )
