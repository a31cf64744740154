"""As configs/whisper_statistics.py, with similar positions of a clip weighted as one.

python scripts/train.py --config=configs/whisper_balanced.py --config.corpus=ravdess --data_dir=DATA \
    --encoder_weights=WEIGHTS --workdir=runs/whisper_balanced
"""

import pathlib
import runpy


def get_config():
    config = runpy.run_path(str(pathlib.Path(__file__).with_name("whisper_statistics.py")))["get_config"]()
    config.name = "whisper_balanced"
    config.model.bandwidth = 0.25
    return config
