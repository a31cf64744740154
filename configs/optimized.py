"""Optimized, the guide's best single model, on log-mel frames.

python scripts/train.py --config=configs/optimized.py --config.corpus=ravdess --data_dir=DATA
"""

from voxjax.config import Config, config_dict
from voxjax.models import options


def get_config():
    return config_dict(
        Config(
            name="optimized",
            architecture="optimized",
            model=options("optimized", {"stem": (16, 32), "filters": (32, 64), "pooling": "attention"}),
        )
    )
