"""Hybrid, a member of the guide's ensemble: convolutions, then a bidirectional LSTM.

python scripts/train.py --config=configs/hybrid.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/hybrid

Shape and values are those of `ensemble.py`; `mixup_alpha` is that of the run, not of its hybrid.
"""

import pathlib
import runpy


def get_config():
    config = runpy.run_path(str(pathlib.Path(__file__).with_name("ensemble.py")))["get_config"]()
    member = config.members[2]
    config.name = config.architecture = "hybrid"
    config.model = member["model"]
    config.n_members, config.members = 1, ()
    return config
