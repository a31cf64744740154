"""Optimized on the built-in demo corpus, with fewer epochs: about two minutes on 2 cores.

python scripts/train.py
"""

import pathlib
import runpy


def get_config():
    config = runpy.run_path(str(pathlib.Path(__file__).with_name("optimized.py")))["get_config"]()
    config.train.epochs = 85
    config.train.patience_epochs = 85
    return config
