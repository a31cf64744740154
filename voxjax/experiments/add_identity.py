"""Adds to a model folder of before format 6 which recordings and people it has learnt from."""

from voxjax.artifacts import model_folder, training_identity
from voxjax.artifacts.training_identity import TrainingIdentity
from voxjax.data import corpora
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline import dataset
from voxjax.storage.paths import AnyPath


def add_identity(folder: AnyPath, corpus: str, data_dir: AnyPath | None, cache: AnyPath) -> TrainingIdentity:
    """Finds a model's training clips in its corpus and writes their identity; weights and figures stay as they are.

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
    model_folder.add_identity(folder, identity)
    return identity


def _names(keys: set[str]) -> set[str]:
    """Published names where there are some, as a file's bytes depend on its format; else all keys."""
    return {key for key in keys if ":" in key} or keys
