"""Text, face and physiology of a run's clips: arrays for training, and the scalers of a fold."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int

from voxjax import modalities
from voxjax.audio import normalize
from voxjax.data import guard, splits, store
from voxjax.data.manifest import FILES, Clip, Manifest
from voxjax.modalities.batch import Sequences
from voxjax.pipeline.run_spec import RunSpec

Columns = Mapping[str, modalities.ModalityColumn]


def read(spec: RunSpec, manifest: Manifest, clip_store: store.Store) -> dict[str, modalities.ModalityColumn]:
    """Each modality that members fuse, of all clips.

    Raises:
        VoxJaxError: as `modalities.read_all`.
    """
    if not spec.modalities:  # so that no clip is opened for its duration
        return {}
    rows = [dataclasses.asdict(clip) for clip in manifest.clips]
    durations_s = [len(clip_store.clip(i)) / spec.sample_rate_hz for i in range(len(rows))]
    return {
        name: modalities.read_all(name, [row[name] for row in rows], manifest.root, durations_s)
        for name in spec.modalities
    }


def of_clip(clip: Clip, root: Path, names: Iterable[str]) -> dict[str, str]:
    """The values of a clip for these modalities, as `EmotionPredictor.predict` takes them.

    Args:
        clip: of a manifest.
        root: of the manifest.
        names: the modalities.
    """
    row = dataclasses.asdict(clip)
    return {name: str(root / row[name]) if name in FILES else row[name] for name in names if row[name]}


def take(columns: Columns, clips: Int[np.ndarray, " clips"]) -> dict[str, modalities.ModalityColumn]:
    """The columns of these clips, one row for each."""
    return {name: one._replace(values=one.values[clips], lengths=one.lengths[clips]) for name, one in columns.items()}


def sequences(columns: Columns) -> dict[str, Sequences]:
    """The arrays of the columns, as a training step takes them."""
    return {name: Sequences(one.values, one.lengths) for name, one in columns.items()}


def fit_scalers(columns: Columns, clips: Int[np.ndarray, " clips"], split: splits.Split) -> dict[str, normalize.Scaler]:
    """One scaler per modality, shared over time, fitted to those of the clips that have the modality.

    Args:
        columns: of all clips.
        clips: indices of training clips.
        split: says which are training clips.

    Raises:
        LeakError: at a clip that is not trained on.
    """
    guard.check_fitted_on_train(clips, split)
    return {name: normalize.fit(one.values, one.lengths, 1) for name, one in take(columns, clips).items()}
