"""A linear discriminant on the hidden units of two encoders side by side, Whisper tiny.en and Whisper base.

python scripts/crossval.py --config=configs/whisper_pair.py --protocol=speaker5 --seeds=3 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_pair

One discriminant with one shrinkage takes the statistics of both, 21,504 numbers of a clip. WEIGHTS is the folder with
the weights of both.
"""

from voxjax.config import Config, EncodersFeatures, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="whisper_pair",
            architecture="lda",
            model=options("lda", {"shrinkage": 0.85}),
            features=EncodersFeatures(
                encoders=("whisper_tiny_en", "whisper_base"),
                blocks=((1, 2, 3), (2, 3, 4)),
                part="hidden",
                pooling="statistics",
                hop_ms=20.0,
                trim_db=200.0,  # the pauses around speech carry information, too
            ),
            offline_augment=OfflineAugmentConfig(augmentation_factor=0),  # fitted to the clips themselves
            train=TrainConfig(valid_fraction=0.06),  # the rest is not used: it is fitted in closed form
        )
    )
