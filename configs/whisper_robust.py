"""A linear discriminant on hidden units of Whisper base, for other microphones, rooms, telephones and languages.

python scripts/crossval.py --config=configs/whisper_robust.py --protocol=speaker5 --config.corpus=ravdess+emodb \
    --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_robust

It is the config of the default model. Level, silence and noise say nothing to it; two corpora, one English and one
German, have RAVDESS's eight labels.
"""

import pathlib
import runpy

from voxjax.config import EncoderFeatures
from voxjax.config_schema import thaw
from voxjax.models import options


def get_config():
    strangers = pathlib.Path(__file__).with_name("whisper_strangers.py")
    config = runpy.run_path(str(strangers))["get_config"]()
    config.name = "whisper_robust"
    config.labels = "eight"  # EmoDB's boredom is left out
    config.features = thaw(
        EncoderFeatures(
            encoder="whisper_base",
            blocks=(1, 2, 3),
            part="hidden",
            pooling="statistics",
            hop_ms=20.0,
            trim_db=config.features.trim_db,
            level=config.features.level,
        )
    )
    # Noise that hides the ends of speech leaves the pauses around it uncut.
    config.offline_augment.methods = ("pauses+noise|pauses+babble|room|speed|telephone|tilt",)
    config.model = options("lda", {"shrinkage": 0.95, "nuisance": 1.0})
    config.train.valid_fraction = (
        0.2  # for the temperature, of speakers of both corpora; then they are learnt from, too
    )
    return config
