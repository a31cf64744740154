"""As configs/whisper_pair.py, for new people, microphones, rooms and telephones: level, silence and noise say nothing.

python scripts/crossval.py --config=configs/whisper_strangers.py --protocol=speaker5 \
    --config.corpus=ravdess --data_dir=DATA --encoder_weights=WEIGHTS --workdir=runs/whisper_strangers
"""

import pathlib
import runpy

from voxjax.models import options


def get_config():
    pair = pathlib.Path(__file__).with_name("whisper_pair.py")
    config = runpy.run_path(str(pair))["get_config"]()
    config.name = "whisper_strangers"
    config.features.trim_db = 35.0  # corpora are cut in different ways
    config.features.level = "speech"
    # Two copies of each clip; what they change about its statistics counts less in the discriminant.
    config.offline_augment.augmentation_factor = 2
    config.offline_augment.methods = ("noise|room|speed|speech_noise|telephone|tilt",)
    config.offline_augment.noise_snr_db = (5.0, 30.0)
    config.offline_augment.speed_rate = (0.88, 1.12)
    config.model = options("lda", {"shrinkage": 0.97, "nuisance": 0.5})
    return config
