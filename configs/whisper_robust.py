"""A linear discriminant on hidden units of Whisper base, for other microphones, rooms, telephones and languages.

python scripts/crossval.py --config=configs/whisper_robust.py --protocol=speaker5 --config.corpus=ravdess+emodb \
    --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_robust

As in configs/whisper_strangers.py level, silence and noise say nothing. Joined corpora have RAVDESS's eight labels.
"""

import pathlib
import runpy

from voxjax.models import options


def get_config():
    config, strangers = (
        runpy.run_path(str(pathlib.Path(__file__).with_name(f"{name}.py")))["get_config"]()
        for name in ("whisper_discriminant", "whisper_strangers")
    )
    config.name = "whisper_robust"
    config.labels = "eight"  # EmoDB's boredom is left out
    config.features.encoder = "whisper_base"
    config.features.trim_db = strangers.features.trim_db
    config.features.level = strangers.features.level
    config.offline_augment = strangers.offline_augment
    # Noise that hides the ends of speech leaves the pauses around it uncut.
    config.offline_augment.methods = ("pauses+noise|pauses+babble|room|speed|telephone|tilt",)
    config.model = options("lda", {"shrinkage": 0.95, "nuisance": 1.0})
    # Speakers of both corpora choose the temperature; then the model is fitted to them, too.
    config.train.valid_fraction = 0.2
    return config
