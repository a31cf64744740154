"""A linear discriminant on the hidden units of Whisper tiny.en's first three blocks: fitted in seconds.

python scripts/crossval.py --config=configs/whisper_discriminant.py --protocol=speaker5 --seeds=3 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_discriminant
"""

from voxjax.config import Config, EncoderFeatures, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="whisper_discriminant",
            architecture="lda",
            model=options("lda", {"shrinkage": 0.85}),
            features=EncoderFeatures(
                encoder="whisper_tiny_en",
                blocks=(1, 2, 3),
                part="hidden",
                pooling="statistics",
                hop_ms=20.0,
                trim_db=200.0,  # the pauses around speech carry information, too
            ),
            offline_augment=OfflineAugmentConfig(augmentation_factor=0),  # fitted to the clips themselves
            train=TrainConfig(valid_fraction=0.06),  # the rest is not used: it is fitted in closed form
        )
    )
