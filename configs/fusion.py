"""Fusion: voice, words, face and physiology under gated attention, on the generated corpus that has all four.

All five folds of unseen speakers take about two minutes on 2 cores; text needs docs/fusion.md.

python scripts/train.py --config=configs/fusion.py --workdir=runs/fusion
python scripts/crossval.py --config=configs/fusion.py --protocol=speaker5 --workdir=runs/fusion_speaker5
"""

from voxjax.config import Config, FrameFeatures, Hyper, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    audio = {"filters": (16, 24), "kernels": (3, 5), "lstm": (), "dense": (32,), "pooling": "attention", "heads": 4}
    model = {"modalities": ("text", "face", "physio"), "audio": audio, "fuse": "gated", "embed": 32, "project": 32}
    return config_dict(
        Config(
            name="fusion",
            corpus="demo_modal",
            protocol="speaker5",
            architecture="fusion",
            model=options("fusion", model),
            features=FrameFeatures(channels=("logmel", "energy", "pitch"), mels=40),
            member_execution="vmap",  # folds of so small a network compile in a fifth of the time
            offline_augment=OfflineAugmentConfig(augmentation_factor=0),
            hyper=Hyper(learning_rate=2e-3, ema_decay=0.98, mixup_probability=0.3, modality_dropout=0.3),
            train=TrainConfig(epochs=60, patience_epochs=60, crop_s=1.6, keep="last"),
        )
    )
