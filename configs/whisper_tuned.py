"""Whisper tiny.en's second block, tuned under an attention-pooling head; the first stays frozen and is heard once.

python scripts/train.py --config=configs/whisper_tuned.py --config.corpus=ravdess --data_dir=DATA \
    --encoder_weights=WEIGHTS --workdir=runs/whisper_tuned
"""

from voxjax.config import Config, CopiesConfig, FeatureConfig, Hyper, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="whisper_tuned",
            architecture="encoder_tuned",
            model=options("encoder_tuned", {"head": {"project": 256, "dense": (128,)}}),
            features=FeatureConfig(
                kind="encoder", encoder="whisper_tiny_en", blocks=(1,), tuned_blocks=1, centre="none", hop_ms=40.0
            ),
            copies=CopiesConfig(
                augmentation_factor=5, methods=("speed", "stretch", "speed+stretch", "noise", "speed+noise")
            ),
            hyper=Hyper(
                learning_rate=1e-3,
                weight_decay=2e-2,
                ema_decay=0.995,
                dropout=0.2,
                head_dropout=0.3,
                label_smoothing=0.08,
                mixup_alpha=0.0,  # sounds that are mixed below a block are no mixture above it
                copy_share=0.8,
                ramp_share=0.2,
                time_mask_share=0.15,
                frequency_mask_share=0.0,  # a block expects all its channels
                stretch=0.0,  # the copies vary tempo where the encoder hears it
                tuned_rate=0.1,
                tuned_from=0.3,
            ),
            train=TrainConfig(epochs=20, patience_epochs=20, crop_s=3.2, valid_share=0.06, keep="last"),
        )
    )
