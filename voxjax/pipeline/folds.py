"""One split of a corpus: training rows with fitted statistics, and clips to evaluate on."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from voxjax.audio import normalize
from voxjax.config import Config
from voxjax.data import examples, guard, splits
from voxjax.data.examples import Examples
from voxjax.data.manifest import Manifest
from voxjax.pipeline import modality_inputs
from voxjax.pipeline.dataset import Assembled, Seen
from voxjax.train.run_state import Side


class Share(NamedTuple):
    """One split of one view, with what was fitted on the training side."""

    rows: np.ndarray  # int64, rows of `Seen.rows` to train on
    scaler: normalize.Scaler
    class_weights: np.ndarray  # float32 [K], mean 1 over the training rows
    valid: Side
    test: Side


class Fold(NamedTuple):
    """One split of the corpus."""

    split: splits.Split
    seed: int
    shares: tuple[Share, ...]  # one a view
    other_scalers: Mapping[str, normalize.Scaler]  # of `Assembled.others`


def cut(config: Config, assembled: Assembled, fold: int, seed: int) -> Fold:
    """One guarded split, and the statistics of its training side.

    Raises:
        VoxJaxError: at a split that leaks, or too few clips.
    """
    split = splits.split(assembled.manifest, config.protocol, fold, config.train.valid_fraction, seed)
    guard.check(assembled.manifest, split)
    shares = (_share(config, assembled.manifest, seen, split) for seen in assembled.seen)
    return Fold(split, seed, tuple(shares), modality_inputs.scalers(assembled.others, split))


def _share(config: Config, manifest: Manifest, seen: Seen, split: splits.Split) -> Share:
    rows = seen.rows
    train = np.flatnonzero(np.isin(rows.clip_index, split.train))
    guard.check_fitted_on_train(rows.clip_index[train], split)
    chosen = Examples(rows.features[train, :1], rows.lengths[train, :1], rows.clip_index[train])
    scaler = examples.fit_scaler(seen.features, chosen)
    targets = manifest.targets[rows.clip_index[train]]
    counts = np.bincount(targets, minlength=len(manifest.labels))
    weights = (len(targets) / (len(manifest.labels) * np.maximum(counts, 1))) ** config.class_balance
    weights = (weights / np.mean(weights[targets])).astype(np.float32)
    sides = (_side(manifest, rows, side) for side in (split.valid, split.test))
    return Share(train, scaler, weights, *sides)


def _side(manifest: Manifest, seen_rows: Examples, clips: np.ndarray) -> Side:
    """Clips to judge by, which may have several rows each."""
    rows = np.flatnonzero(np.isin(seen_rows.clip_index, clips))
    clip_index = np.searchsorted(clips, seen_rows.clip_index[rows])

    def per_clip(logits: np.ndarray) -> np.ndarray:
        return examples.mean_by_clip(logits, clip_index)

    return Side(rows, per_clip, manifest.targets[clips])
