"""Runs of a config with the paths of a test; encoder weights come from VOXJAX_WEIGHTS, as on the command line."""

import os
from pathlib import Path

from voxjax.experiments import crossval as crossvals
from voxjax.experiments import train as trains
from voxjax.pipeline import dataset
from voxjax.pipeline.run_spec import Paths, resolve


def paths(data_dir, cache):
    weights = os.environ.get("VOXJAX_WEIGHTS")
    return Paths(Path(cache), data_dir, weights_dir=Path(weights) if weights else None)


def spec(config, data_dir=None, cache="cache"):
    return resolve(config, paths(data_dir, cache))


def train(config, data_dir, workdir, cache, resume):
    return trains.train(spec(config, data_dir, cache), workdir, resume)


def crossval(config, plan, data_dir, workdir, cache, resume):
    return crossvals.crossval(spec(config, data_dir, cache), plan, workdir, resume)


def load(config, data_dir, cache):
    return dataset.load(spec(config, data_dir, cache))
