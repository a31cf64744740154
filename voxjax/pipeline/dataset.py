"""A corpus as arrays: manifest, decoded clips, features and further modalities, before any split."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voxjax import modalities, progress
from voxjax.audio.fingerprint import Print
from voxjax.config import Config, FeatureConfig
from voxjax.data import broken_clips, corpora, labelling, splits, store
from voxjax.data.manifest import Clip, Manifest
from voxjax.encoders.extractor import joined_params
from voxjax.encoders.tensors import Params
from voxjax.pipeline import encoder_features, encoder_weights, modality_inputs, near_duplicates
from voxjax.pipeline.examples import Examples
from voxjax.pipeline.run_spec import RunSpec


class FeatureRows(NamedTuple):
    """All clips as the rows of one feature set."""

    features: FeatureConfig
    rows: Examples
    encoder: Params | None  # weights of its encoders, as `joined_params`; None for signal features


class Dataset(NamedTuple):
    """A corpus as arrays, before it is split."""

    manifest: Manifest
    clip_store: store.Store
    feature_rows: tuple[FeatureRows, ...]  # in the order of `RunSpec.feature_sets`
    modality_inputs: Mapping[str, modalities.ModalityColumn]  # other than the audio, of all clips
    prints: Sequence[Print] = ()  # the fingerprint of each clip in the store

    @property
    def copies_per_recording(self) -> int:
        """Clips of the manifest per decoded recording: above 1 under the protocol `guide` alone."""
        return len(self.manifest) // len(self.clip_store)


def load(spec: RunSpec, every_fold: bool = False) -> Dataset:
    """The corpus of a run.

    A protocol that can't divide it, and an encoder without weights, are errors before clips are decoded and encoded,
    which may take hours.

    Under the protocol `guide` each augmented copy of a clip becomes a separate clip, as in the training guide:
    this is the leak of the guide's split.

    Args:
        spec: the run.
        every_fold: whether all folds of its protocol are needed, and not its config's alone.

    Raises:
        UsageError, VoxJaxError: as `splits.split`; and at a missing corpus, broken clips, missing encoder weights, or a
            modality that no clip has.
    """
    cache = spec.paths.cache
    manifest = relabelled(spec.config, corpora.load(spec.corpora, spec.paths.data_dir, cache))
    config = spec.config
    folds = None if every_fold else (config.fold,)
    splits.check_possible(manifest, config.protocol, folds, config.train.valid_fraction, config.seed)
    weights = [encoder_weights.load(one.features, spec.paths) for one in spec.feature_sets]
    manifest, clip_store = decoded(manifest, spec.sample_rate_hz, cache, spec.config.broken_clips)
    prints = fingerprints(clip_store, spec.sample_rate_hz, cache)
    manifest = near_duplicates.with_recordings(manifest, prints)
    columns = modality_inputs.read(spec, manifest, clip_store)
    feature_rows = []
    for feature_set, encoders in zip(spec.feature_sets, weights, strict=True):
        total = len(manifest) * max(1, len(encoders))
        with progress.bar(total, "encoding" if encoders else "features", "clip") as bar:
            rows = encoder_features.rows(feature_set, encoders, manifest, clip_store.clip, cache, bar.update)
        params = joined_params(feature_set.features, [one.params for one in encoders])
        feature_rows.append(FeatureRows(feature_set.features, rows, params))
    if spec.config.protocol == "guide":
        copies = spec.feature_sets[0].offline_augment.augmentation_factor + 1
        feature_rows = [one._replace(rows=_copies_as_rows(one.rows)) for one in feature_rows]
        columns = modality_inputs.take(columns, np.repeat(np.arange(len(manifest)), copies))
        manifest = dataclasses.replace(manifest, clips=_copies_as_clips(manifest, copies))
    return Dataset(manifest, clip_store, tuple(feature_rows), columns, prints)


def relabelled(config: Config, manifest: Manifest) -> Manifest:
    """The clips under the label set of the config; across corpora, under the labels that all corpora have.

    Raises:
        UsageError, VoxJaxError: as `labelling.relabelled`.
    """
    label_set = "shared" if config.test_corpus and config.labels == "own" else config.labels
    return labelling.relabelled(manifest, labelling.Choice(label_set, config.truth))


def decoded(manifest: Manifest, sample_rate_hz: int, cache: Path, broken: str) -> tuple[Manifest, store.Store]:
    """The clip store of a manifest, and the manifest without clips that were skipped as broken.

    The manifest's clips then have the hashes of their decoded samples, by which splits and guard keep equal audio
    together.

    Raises:
        VoxJaxError: at broken clips, as their policy says.
    """
    with progress.bar(len(manifest), "decoding", "clip") as bar:
        clips = store.open_store(manifest, sample_rate_hz, cache / "clips", broken, bar.update)
    kept = manifest.select(clips.kept)
    broken_clips.check_nothing_vanished(manifest, kept, broken)
    if lost := len(manifest) - len(kept):
        kept = dataclasses.replace(kept, notes=(*kept.notes, broken_clips.note(lost)))
    return kept.with_audio_hashes(clips.digest(i) for i in range(len(clips))), clips


def fingerprints(clip_store: store.Store, sample_rate_hz: int, cache: Path) -> list[Print]:
    """The fingerprint of each clip in a store, by which near duplicates are recognised."""
    with progress.bar(len(clip_store), "fingerprints", "clip") as bar:
        return near_duplicates.prints(clip_store, sample_rate_hz, cache / "clips", bar.update)


def _copies_as_clips(manifest: Manifest, count: int) -> tuple[Clip, ...]:
    """All augmented copies of all clips as separate clips."""
    return tuple(
        dataclasses.replace(clip, augmented_copy=copy, audio_hash="", recording="")
        for clip in manifest.clips
        for copy in range(count)
    )


def _copies_as_rows(rows: Examples) -> Examples:
    """All augmented copies as separate rows."""
    count = rows.features.shape[1]
    clip_index = (rows.clip_index[:, None] * count + np.arange(count)).reshape(-1)
    features = rows.features.reshape(-1, 1, *rows.features.shape[2:])
    return Examples(features, rows.lengths.reshape(-1, 1), clip_index)
