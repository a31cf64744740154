"""A search over options of a model with a closed form: all values are fitted in one program, on inner folds."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from voxjax.data import guard, inner_folds, splits
from voxjax.metrics import classification
from voxjax.pipeline import ensemble_setup
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.folds import of_split
from voxjax.pipeline.run_spec import RunSpec
from voxjax.train import closed_form


def valid_uars(spec: RunSpec, dataset: Dataset, values: Mapping[str, Sequence[float]]) -> Float[np.ndarray, " values"]:
    """The UAR of each point over all inner folds of the run's split.

    The test clips of the split are not used. Every training clip is validated once, by fits and statistics of the other
    inner folds.

    Args:
        spec: the run, of one member.
        dataset: its corpus.
        values: of the model's options, by name, a number for each point.
    """
    config = spec.config
    split = splits.split(dataset.manifest, config.protocol, config.fold, config.train.valid_fraction, config.seed)
    guard.check(dataset.manifest, split)
    points = {name: np.asarray(each, np.float32) for name, each in values.items()}
    folds = [of_split(spec, dataset, inner, config.seed) for inner in inner_folds.divide(dataset.manifest, split)]
    setup = ensemble_setup.setup(spec, dataset, folds)
    task = setup.program.groups[0].task
    index = dataset.feature_rows[task.feature_set].rows.clip_index
    rows = np.flatnonzero(np.isin(index, np.union1d(split.train, split.valid))).astype(np.int32)
    targets, classes = dataset.manifest.targets, len(dataset.manifest.labels)
    counts = np.zeros((len(next(iter(points.values()))), classes, classes))
    for fold, plan in zip(folds, setup.plans, strict=True):
        kept = np.isin(index[rows], fold.split.train)
        clips = setup.clips[task.feature_set]
        logits = np.asarray(closed_form.held_out_logits(task, clips, plan.arrays, rows, kept, points))
        for clip in fold.split.valid:  # a long clip has several rows
            answers = logits[:, index[rows] == clip].mean(axis=1).argmax(axis=1)
            counts[np.arange(len(counts)), targets[clip], answers] += 1
    return np.asarray(classification.uar(counts))
