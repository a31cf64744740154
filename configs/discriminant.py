"""A linear discriminant on means and deviations of log-mels, level and pitch: fitted in seconds, nothing downloaded.

python scripts/crossval.py --config=configs/discriminant.py --protocol=loso --config.corpus=folder --data_dir=DATA

For own recordings, where the encoder of configs/whisper_discriminant.py is not there;
docs/results/small_corpora.json compares both with networks.
"""

from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="discriminant",
            architecture="lda",
            model=options("lda", {"shrinkage": 0.5}),
            features=FrameFeatures(
                channels=("logmel", "energy", "pitch"),
                trim_db=200.0,  # the pauses around speech carry information, too
            ),
            offline_augment=OfflineAugmentConfig(augmentation_factor=0),  # fitted to the clips themselves
            train=TrainConfig(valid_fraction=0.06),  # the rest is not used: it is fitted in closed form
        )
    )
