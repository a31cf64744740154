"""The modalities beside the audio of a run: which its members fuse, their arrays, and the scalers of a fold."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voxjax import modalities, models
from voxjax.audio import normalize
from voxjax.config import Config, one_of
from voxjax.data import splits, store
from voxjax.data.manifest import FILES, Clip, Manifest
from voxjax.modalities.batch import Sequences
from voxjax.modalities.names import AUDIO
from voxjax.pipeline import feature_sets


class Sounds(NamedTuple):
    """What is known of the clips before their modalities are read."""

    manifest: Manifest
    clips: store.Store
    sample_rate_hz: int


def fused(config: Config) -> tuple[str, ...]:
    """What any member sees beside the audio, in the order of `MODALITIES`.

    Raises:
        UsageError: at a modality that is not known.
    """
    asked = [
        models.fused_modalities(models.options(kind.architecture, kind.model)) for kind in feature_sets.kinds(config)
    ]
    names = {name for each in asked for name in each}
    for name in sorted(names):
        one_of("config.model.modalities", name, modalities.MODALITIES)
    return tuple(name for name in modalities.MODALITIES if name in names)


def shown(config: Config) -> tuple[str, ...]:
    """All that clips can be judged by: the audio, then what is fused with it."""
    return (AUDIO, *fused(config))


def read(config: Config, sounds: Sounds) -> dict[str, modalities.ModalityColumn]:
    """Each modality that is fused, of all clips.

    Raises:
        UsageError, VoxJaxError: as `fused` and `modalities.read_all`.
    """
    names = fused(config)
    if not names:  # then no sound needs to be opened for its duration
        return {}
    rows = [dataclasses.asdict(clip) for clip in sounds.manifest.clips]
    durations_s = [len(sounds.clips.clip(i)) / sounds.sample_rate_hz for i in range(len(rows))]
    return {
        name: modalities.read_all(name, [row[name] for row in rows], sounds.manifest.root, durations_s)
        for name in names
    }


def of_clip(clip: Clip, root: Path, names: Iterable[str]) -> dict[str, str]:
    """What a clip has of these modalities, as `EmotionPredictor.predict` takes it.

    Args:
        clip: of a manifest.
        root: the manifest's.
        names: the modalities.
    """
    row = dataclasses.asdict(clip)
    return {name: str(root / row[name]) if name in FILES else row[name] for name in names if row[name]}


def rows(columns: Mapping[str, modalities.ModalityColumn], owners: np.ndarray) -> dict[str, modalities.ModalityColumn]:
    """The same, a row for each of these clips."""
    return {name: one._replace(values=one.values[owners], lengths=one.lengths[owners]) for name, one in columns.items()}


def sequences(columns: Mapping[str, modalities.ModalityColumn]) -> dict[str, Sequences]:
    """Their arrays alone, as a training step takes them."""
    return {name: Sequences(one.values, one.lengths) for name, one in columns.items()}


def scalers(columns: Mapping[str, modalities.ModalityColumn], split: splits.Split) -> dict[str, normalize.Scaler]:
    """One a modality, shared over time, fitted on the split's training clips that have it."""
    return {name: normalize.fit(one.values, one.lengths, 1) for name, one in rows(columns, split.train).items()}
