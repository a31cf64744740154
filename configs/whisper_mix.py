"""Whisper mix: heads on the frozen blocks of two Whispers and a network on log-mels, trained in one program; they vote.

python scripts/train.py --config=configs/whisper_mix.py --config.corpus=ravdess --data_dir=DATA \
    --encoder_weights=WEIGHTS --workdir=runs/whisper_mix

WEIGHTS is the folder with the weights of whisper_tiny_en and whisper_base.
"""

from voxjax.config import Config, FrameFeatures, Hyper, MemberConfig, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    head = options("encoder_head", {"project": 256, "dense": (128,)})
    hybrid = options("hybrid", {"stem": (16, 32, 48), "filters": (64, 96), "kernel": 3, "lstm": (64,)})
    tiny = {"kind": "encoder", "encoder": "whisper_tiny_en", "blocks": (2,), "hop_ms": 20.0}
    base = {"kind": "encoder", "encoder": "whisper_base", "blocks": (3,), "hop_ms": 20.0}
    copies = {"augmentation_factor": 5, "methods": ("speed", "stretch", "speed+stretch", "noise", "speed+noise")}
    # Copies vary the tempo before the encoder, so the step does not.
    numbers = {
        "learning_rate": 1e-3,
        "head_dropout": 0.3,
        "label_smoothing": 0.08,
        "offline_augment_probability": 0.8,
        "frequency_mask_fraction": 0.1,
        "time_stretch": 0.0,
    }
    return config_dict(
        Config(
            name="whisper_mix",
            n_members=3,
            members=(
                MemberConfig("encoder_head", head, numbers, tiny, copies),
                MemberConfig("encoder_head", head, numbers, base, copies),
                MemberConfig("hybrid", hybrid),
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
            train=TrainConfig(epochs=50, patience_epochs=50, crop_s=2.72, valid_fraction=0.06, keep="last"),
        )
    )
