"""One split of a dataset: training rows with fitted statistics, and clips to evaluate on."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from voxjax.audio import normalize
from voxjax.config import Config
from voxjax.data import guard, splits
from voxjax.data.manifest import Manifest
from voxjax.pipeline import examples, modality_inputs
from voxjax.pipeline.dataset import Dataset, FeatureRows
from voxjax.pipeline.examples import Examples
from voxjax.pipeline.run_spec import RunSpec
from voxjax.train.run_state import EvalSplit


class FoldData(NamedTuple):
    """One split of one feature set, with statistics of its training clips."""

    rows: Int[np.ndarray, " rows"]  # int64, of `FeatureRows.rows` to train on
    scaler: normalize.Scaler
    class_weights: Float[np.ndarray, " K"]  # float32, mean 1 over the training rows
    valid: EvalSplit
    test: EvalSplit


class Fold(NamedTuple):
    """One split of a dataset, for one seed."""

    split: splits.Split
    seed: int
    data: tuple[FoldData, ...]  # one per feature set
    modality_scalers: Mapping[str, normalize.Scaler]  # of `Dataset.modality_inputs`


def make_fold(spec: RunSpec, dataset: Dataset, fold: int, seed: int) -> Fold:
    """One split that has passed the leak guard, and the statistics of its training clips.

    Raises:
        VoxJaxError: at a split that leaks, or too few clips.
    """
    config = spec.config
    split = splits.split(dataset.manifest, config.protocol, fold, config.train.valid_fraction, seed)
    guard.check(dataset.manifest, split)
    data = (_fold_data(config, dataset.manifest, rows, split) for rows in dataset.feature_rows)
    return Fold(split, seed, tuple(data), modality_inputs.fit_scalers(dataset.modality_inputs, split))


def _fold_data(config: Config, manifest: Manifest, feature_rows: FeatureRows, split: splits.Split) -> FoldData:
    rows = feature_rows.rows
    train = np.flatnonzero(np.isin(rows.clip_index, split.train))
    guard.check_fitted_on_train(rows.clip_index[train], split)
    unaugmented = Examples(rows.features[train, :1], rows.lengths[train, :1], rows.clip_index[train])
    scaler = examples.fit_scaler(feature_rows.features, unaugmented)
    weights = _class_weights(manifest, rows.clip_index[train], config.class_balance)
    evaluation = (_eval_split(manifest, rows, clips) for clips in (split.valid, split.test))
    return FoldData(train, scaler, weights, *evaluation)


def _class_weights(
    manifest: Manifest, clips: Int[np.ndarray, " rows"], class_balance: float
) -> Float[np.ndarray, " K"]:
    """A power of each class's inverse frequency among these clips, mean 1 over them: float32 `[K]`."""
    targets = manifest.targets[clips]
    counts = np.bincount(targets, minlength=len(manifest.labels))
    weights = (len(targets) / (len(manifest.labels) * np.maximum(counts, 1))) ** class_balance
    return (weights / np.mean(weights[targets])).astype(np.float32)


def _eval_split(manifest: Manifest, rows: Examples, clips: Int[np.ndarray, " clips"]) -> EvalSplit:
    """Clips to evaluate on, each of which may have several rows."""
    own = np.flatnonzero(np.isin(rows.clip_index, clips))
    return EvalSplit(own, np.searchsorted(clips, rows.clip_index[own]), manifest.targets[clips])
