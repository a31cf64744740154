"""LSTM, a member of the guide's ensemble: a bidirectional LSTM over every second frame.

python scripts/train.py --config=configs/lstm.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/lstm
"""

from voxjax.config import Config, CopiesConfig, FeatureConfig, Hyper, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="lstm",
            architecture="lstm",
            model=options("lstm", {"stem": (16, 32, 48), "fold": 2, "project": 96, "lstm": (64,)}),
            features=FeatureConfig(channels=("logmel", "energy", "pitch"), centre="clip"),
            copies=CopiesConfig(augmentation_factor=0),  # tempo and tract are varied inside the step
            hyper=Hyper(
                learning_rate=2e-3,
                weight_decay=2e-2,
                ema_decay=0.995,
                dropout=0.3,
                head_dropout=0.35,
                mixup_alpha=0.3,
                ramp_share=0.25,
            ),
            train=TrainConfig(epochs=70, patience_epochs=70, crop_s=2.56, valid_share=0.06, keep="last"),
        )
    )
