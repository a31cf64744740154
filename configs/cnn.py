"""CNN, a member of the guide's ensemble: plain convolutions under a strided stem.

python scripts/train.py --config=configs/cnn.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/cnn

Shape and values are those of `ensemble.py`.
"""

import pathlib
import runpy


def get_config():
    config = runpy.run_path(str(pathlib.Path(__file__).with_name("ensemble.py")))["get_config"]()
    member = config.members[0]
    config.name = config.architecture = "cnn"
    config.model = member["model"]
    config.n_members, config.members = 1, ()
    return config
