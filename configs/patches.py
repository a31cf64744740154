"""A linear discriminant on patches of log-mels, learnt without labels: from scratch, nothing downloaded.

python scripts/crossval.py --config=configs/patches.py --protocol=speaker5 --config.corpus=ravdess \
    --data_dir=DATA --workdir=runs/patches
"""

from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="patches",
            architecture="patch_lda",
            # Shifted bands stand for other voices. For known people --config.model.shrinkage=0.05 is better.
            model=options("patch_lda", {"band_shift": 0.06}),
            features=FrameFeatures(
                mels=80,
                window_ms=25.0,
                hop_ms=10.0,
                mel_noise_db=-50.0,  # else the patches of a pause are those of its faint noise
                trim_db=200.0,  # the pauses around speech carry information, too
            ),
            offline_augment=OfflineAugmentConfig(augmentation_factor=0),
            train=TrainConfig(valid_fraction=0.06),  # the rest is not used: it is fitted in closed form
        )
    )
