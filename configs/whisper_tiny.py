"""Whisper tiny.en's frozen second block, under an attention-pooling head: transfer learning in one minute per fold.

python scripts/crossval.py --config=configs/whisper_tiny.py --protocol=speaker5 --seeds=3 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_tiny
"""

from voxjax.config import Config, EncoderFeatures, Hyper, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="whisper_tiny",
            architecture="encoder_head",
            model=options("encoder_head", {"project": 256, "dense": (128,)}),
            features=EncoderFeatures(encoder="whisper_tiny_en", blocks=(2,), hop_ms=40.0),
            offline_augment=OfflineAugmentConfig(
                augmentation_factor=5, methods=("speed", "stretch", "speed+stretch", "noise", "speed+noise")
            ),
            hyper=Hyper(
                learning_rate=1e-3,
                weight_decay=2e-2,
                ema_decay=0.995,
                dropout=0.2,
                head_dropout=0.3,
                label_smoothing=0.08,
                mixup_alpha=0.3,
                offline_augment_probability=0.8,
                ramp_fraction=0.2,
                time_mask_fraction=0.15,
                frequency_mask_fraction=0.1,
                time_stretch=0.0,  # the copies vary tempo before the encoder
            ),
            train=TrainConfig(epochs=30, patience_epochs=30, crop_s=4.4, valid_fraction=0.06, keep="last"),
        )
    )
