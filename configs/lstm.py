"""LSTM, a member of the guide's ensemble: a bidirectional LSTM over every second frame.

python scripts/train.py --config=configs/lstm.py --config.corpus=ravdess --data_dir=DATA --workdir=runs/lstm

Shape and values are those of `ensemble.py`.
"""

import pathlib
import runpy


def get_config():
    config = runpy.run_path(str(pathlib.Path(__file__).with_name("ensemble.py")))["get_config"]()
    member = config.members[1]
    config.name = config.architecture = "lstm"
    config.model = member["model"]
    config.hyper.update(member["hyper"])
    config.n_members, config.members = 1, ()
    return config
