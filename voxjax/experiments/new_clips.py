"""The clips of a corpus that a model was not trained on, and the people among them that it was."""

from typing import NamedTuple

import numpy as np

from voxjax.artifacts import model_meta
from voxjax.data import broken_clips, corpora
from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference.predictor import EmotionPredictor
from voxjax.pipeline import dataset
from voxjax.storage.paths import AnyPath

_BY_CONTENT_UNKNOWN = (
    "The model folder is of an older format: clips that it was trained on are recognised by their bytes and published "
    "names alone, not in another format or under another name, and its people are not known."
)


class NewClips(NamedTuple):
    """Clips that a model was not trained on."""

    manifest: Manifest  # decoded: with the hashes of samples
    left_out: int  # clips that it was trained on or chosen by
    people: frozenset[str]  # that it was trained on, as `Clip.person`
    notes: list[str]


def of(predictor: EmotionPredictor, manifest: Manifest, cache: AnyPath, broken: str) -> NewClips:
    """The clips that a model was neither trained on nor chosen by.

    They are recognised by their bytes and, in a published corpus, by their names; then by their decoded samples and
    by fingerprints, whatever their layout, format and name.

    Args:
        predictor: the model.
        manifest: a corpus.
        cache: for decoded clips.
        broken: a name in `broken_clips.POLICIES`, for clips that can't be decoded.

    Raises:
        VoxJaxError: if there are none, or by the policy for broken clips.
    """
    model_meta.require(predictor.model, predictor.meta, "training_clips")
    keys = {corpora.canonical_key(key) for key in predictor.meta["training_clips"]}
    by_name = np.array([bool(corpora.keys(clip) & keys) for clip in manifest.clips])
    people = {manifest.clips[i].person for i in np.flatnonzero(by_name)}
    rest = manifest.select(np.flatnonzero(~by_name))
    notes = [] if predictor.identity else [_BY_CONTENT_UNKNOWN]
    left_out = len(manifest) - len(rest)
    if len(rest):
        wanted = len(rest)
        rest, clips = dataset.decoded(rest, predictor.sample_rate_hz, cache, broken)
        if wanted > len(rest):
            notes.append(broken_clips.note(wanted - len(rest)))
        if predictor.identity:
            prints = dataset.fingerprints(clips, predictor.sample_rate_hz, cache)
            by_content = predictor.identity.known([clip.audio_hash for clip in rest.clips], prints)
            people |= {rest.clips[i].person for i in np.flatnonzero(by_content)} | {*predictor.identity.people}
            rest = rest.select(np.flatnonzero(~by_content))
            left_out += int(by_content.sum())
    if not len(rest):
        do = "use other clips"
        raise VoxJaxError(mismatch("corpus", "clips that the model was not trained on", "none", do))
    if left_out:
        notes.append(f"{left_out} clips that the model was trained on or chosen by are left out.")
    return NewClips(rest, left_out, frozenset(people - {""}), notes)
