"""Adds to a model folder of before format 6 what it has learnt from: recordings, people, and their density."""

import numpy as np

from voxjax.artifacts import model_folder, model_meta, training_identity
from voxjax.artifacts.model_folder import TrainedModel
from voxjax.artifacts.training_identity import TrainingIdentity
from voxjax.audio import features
from voxjax.data import corpora
from voxjax.data.manifest import Manifest
from voxjax.data.store import Store
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import batched_forward
from voxjax.inference.batched_forward import Window
from voxjax.metrics import domain_distance
from voxjax.metrics.domain_distance import Density
from voxjax.pipeline import dataset
from voxjax.storage.paths import AnyPath

_CHUNK = 256  # clips whose features are in memory together


def add_identity(folder: AnyPath, corpus: str, data_dir: AnyPath | None, cache: AnyPath) -> TrainingIdentity:
    """Finds a model's training clips in its corpus and writes their identity and density.

    Weights and figures stay as they are.

    Args:
        folder: of the model.
        corpus: that it was trained on, or several joined by `+`.
        data_dir: with one folder per corpus.
        cache: for decoded clips.

    Returns:
        What was written.

    Raises:
        VoxJaxError: if some of the model's training clips are not in the corpus.
    """
    model = model_folder.load(folder)
    model_meta.require(str(folder), model.meta, "training_clips")
    wanted = {corpora.canonical_key(key) for key in model.meta["training_clips"]}
    manifest = corpora.load(corpus, data_dir, cache)
    found = [corpora.keys(clip) & wanted for clip in manifest.clips]
    missing = _names(wanted) - _names(set().union(*found))
    if missing or not any(found):
        what = f"{len(missing)} missing, as {min(missing)}" if missing else "none"
        do = "give the corpus that the model was trained on"
        raise VoxJaxError(mismatch(corpus, "all clips that the model was trained on", what, do))
    rate_hz = model.feature_sets[0].features.sample_rate_hz
    used = manifest.select([i for i, keys in enumerate(found) if keys])
    used, clips = dataset.decoded(used, rate_hz, cache, "stop")
    hashes = [clip.audio_hash for clip in used.clips]
    identity = training_identity.of_training(used, hashes, dataset.fingerprints(clips, rate_hz, cache), rate_hz)
    model_folder.add(folder, identity, _density(str(folder), model, used, clips))
    return identity


def _density(folder: str, model: TrainedModel, used: Manifest, clips: Store) -> Density | None:
    """The density of the training clips in the first feature set."""
    feature_set = batched_forward.load_feature_set(folder, model, 0)
    found, speakers = [], []
    for start in range(0, len(used), _CHUNK):
        windows = []
        for i in range(start, min(start + _CHUNK, len(used))):
            own = features.windows(feature_set.features, features.prepare(feature_set.features, clips.clip(i)))
            windows += [Window(samples, {}) for samples in own]
            speakers += [used.clips[i].speaker] * len(own)
        found.append(batched_forward.summaries(feature_set, windows))
    return domain_distance.fit(np.concatenate(found), speakers)


def _names(keys: set[str]) -> set[str]:
    """Published names where there are some, as a file's bytes depend on its format; else all keys."""
    return {key for key in keys if ":" in key} or keys
