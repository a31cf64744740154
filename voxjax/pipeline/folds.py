"""One split of a dataset: training rows with fitted statistics, and clips to evaluate on."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from voxjax.audio import normalize, speaker_centring
from voxjax.config import Config, FeatureConfig
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
    offsets: Float[np.ndarray, "speakers P C"] | None = None  # of `features.centre=speaker`, 0 outside training


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
    return of_split(spec, dataset, split, seed)


def of_split(spec: RunSpec, dataset: Dataset, split: splits.Split, seed: int) -> Fold:
    """A split with the statistics of its training clips, not checked for leaks: only for one that is not tested."""
    config = spec.config
    data = (_fold_data(config, dataset.manifest, rows, split) for rows in dataset.feature_rows)
    modality_scalers = modality_inputs.fit_scalers(dataset.modality_inputs, split.train, split)
    return Fold(split, seed, tuple(data), modality_scalers)


def _fold_data(config: Config, manifest: Manifest, feature_rows: FeatureRows, split: splits.Split) -> FoldData:
    rows = feature_rows.rows
    train = np.flatnonzero(np.isin(rows.clip_index, split.train))
    unaugmented = Examples(rows.features[train, :1], rows.lengths[train, :1], rows.clip_index[train])
    scaler, offsets = _fit_scaler(feature_rows.features, unaugmented, split), None
    if speaker_centring.is_by_speaker(feature_rows.features):
        offsets = _offsets(manifest, feature_rows.features, unaugmented, scaler, split)
        speakers = manifest.speaker_index[unaugmented.clip_index]
        centred = unaugmented.features.astype(np.float32) - offsets[speakers][:, None]
        scaler = _fit_scaler(feature_rows.features, unaugmented._replace(features=centred), split)
    weights = _class_weights(manifest, rows.clip_index[train], config.class_balance, split)
    valid, test = (_eval_split(manifest, rows, clips) for clips in (split.valid, split.test))
    return FoldData(train, scaler, weights, valid, test, offsets)


# Each fit has the guard check the clips that it is given, and not those that its caller should have given it.


def _fit_scaler(config: FeatureConfig, rows: Examples, split: splits.Split) -> normalize.Scaler:
    """The scaler of rows of training clips."""
    guard.check_fitted_on_train(rows.clip_index, split)
    return examples.fit_scaler(config, rows)


def _offsets(
    manifest: Manifest, config: FeatureConfig, rows: Examples, scaler: normalize.Scaler, split: splits.Split
) -> Float[np.ndarray, "speakers P C"]:
    """What is subtracted from the clips of each training speaker."""
    guard.check_fitted_on_train(rows.clip_index, split)
    clips, which = np.unique(rows.clip_index, return_inverse=True)
    sums = speaker_centring.window_sums(rows.features[:, 0], rows.lengths[:, 0], examples.over_time(config))
    speakers = manifest.speaker_index
    return speaker_centring.training_offsets(scaler, sums.clip_means(which), speakers[clips], int(speakers.max()) + 1)


def _class_weights(
    manifest: Manifest, clips: Int[np.ndarray, " rows"], class_balance: float, split: splits.Split
) -> Float[np.ndarray, " K"]:
    """A power of each class's inverse frequency among these training clips, mean 1 over them: float32 `[K]`."""
    guard.check_fitted_on_train(clips, split)
    targets = manifest.targets[clips]
    counts = np.bincount(targets, minlength=len(manifest.labels))
    weights = (len(targets) / (len(manifest.labels) * np.maximum(counts, 1))) ** class_balance
    return (weights / np.mean(weights[targets])).astype(np.float32)


def _eval_split(manifest: Manifest, rows: Examples, clips: Int[np.ndarray, " clips"]) -> EvalSplit:
    """Clips to evaluate on, each of which may have several rows."""
    own = np.flatnonzero(np.isin(rows.clip_index, clips))
    return EvalSplit(own, np.searchsorted(clips, rows.clip_index[own]), manifest.targets[clips])
