"""Ensemble: two CNNs, two LSTMs and a hybrid, trained in one compiled program; their probabilities are averaged.

python scripts/train.py --config=configs/ensemble.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/ensemble

`--config.n_members=3` takes the first three (the guide's N_MODELS).
"""

from voxjax.config import Config, FrameFeatures, Hyper, MemberConfig, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    cnn = options("cnn", {"stem": (16, 32, 48), "filters": (64, 96, 128), "kernel": 3})
    lstm = options("lstm", {"stem": (16, 32, 48), "fold": 2, "project": 96, "lstm": (64,)})
    hybrid = options("hybrid", {"stem": (16, 32, 48), "filters": (64, 96), "kernel": 3, "lstm": (64,)})
    return config_dict(
        Config(
            name="ensemble",
            n_members=5,
            members=(
                MemberConfig("cnn", cnn),
                MemberConfig("lstm", lstm, {"learning_rate": 2e-3, "dropout": 0.3}),
                MemberConfig("hybrid", hybrid, {"mixup_alpha": 0.2}),
                MemberConfig("cnn", cnn, {"learning_rate": 2e-3, "dropout": 0.1, "vtlp": 0.12}),
                MemberConfig("lstm", lstm, {"learning_rate": 3e-3, "time_mask_fraction": 0.25, "time_stretch": 0.2}),
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
                ramp_fraction=0.25,
            ),
            train=TrainConfig(epochs=70, patience_epochs=70, crop_s=2.56, valid_fraction=0.06, keep="last"),
        )
    )
