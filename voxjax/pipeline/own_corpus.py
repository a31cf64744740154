"""The config and the protocol for a user's own recordings, where none is named."""

import collections
from collections.abc import Mapping
from typing import Any, NamedTuple

from voxjax.config import FeatureConfig
from voxjax.data.corpora import CORPORA
from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError
from voxjax.pipeline import encoder_weights
from voxjax.pipeline.run_spec import Paths

WITH_ENCODER = "whisper_discriminant"  # the best at every size that was measured: docs/results/small_corpora.json
WITHOUT_ENCODER = "discriminant"
# Without the encoder, by the fewest clips: at 40 the discriminant is level with `baseline`, at 100 it is behind
# (docs/results/small_corpora.json); at 1,152 training clips `optimized` is ahead of `baseline` (docs/results.md).
NETWORKS = ((1_000, "optimized"), (100, "baseline"))
MOST_LEFT_OUT = 10  # speakers that are tested one by one; more are tested in five groups
_NAMED = 5  # labels in a line

# Values of a config that do not say how a model is trained; with others, as `hyper.dropout`, a network is wanted.
_ABOUT_DATA = ("name", "corpus", "labels", "truth", "protocol", "fold", "seed", "broken_clips")


class Choice(NamedTuple):
    """What was chosen for a corpus."""

    config: str  # by name; "" for the one that is there
    protocol: str  # "" for the one that is there
    lines: tuple[str, ...]  # what was chosen, why, and how to choose otherwise


def is_own(names: str) -> bool:
    """Whether all corpora, joined by `+`, are a user's own recordings."""
    return all(name in CORPORA and CORPORA[name].people == "own" for name in names.split("+"))


def wants_network(overrides: Mapping[str, Any]) -> list[str]:
    """The overridden values, by dotted key, that only a trained network has."""
    return [key for key in overrides if key not in _ABOUT_DATA]


def has_encoder(features: FeatureConfig, paths: Paths) -> bool:
    """Whether the weights are there that a config's features need."""
    try:
        return all(path.exists() for path in encoder_weights.locate(features, paths))
    except VoxJaxError:
        return False


def choose(manifest: Manifest, encoder: FeatureConfig, paths: Paths, open_config: bool, open_protocol: bool) -> Choice:
    """The choice for a corpus.

    Args:
        manifest: the corpus; its clips need not be decoded.
        encoder: the features of `WITH_ENCODER`.
        paths: where encoder weights are looked for.
        open_config, open_protocol: which of the two the user left open.
    """
    config, about_config = _config(len(manifest), has_encoder(encoder, paths)) if open_config else ("", "")
    protocol, about_protocol = _protocol(manifest) if open_protocol else ("", "")
    lines = [text for text in (about_config, about_protocol) if text]
    if protocol and protocol != "random5" and (alone := _of_one_speaker(manifest)):
        names = ", ".join(alone[:_NAMED]) + (", …" if len(alone) > _NAMED else "")
        lines.append(f"warning: of one speaker alone, and so never recognised in this test: {names}")
    return Choice(config, protocol, tuple(lines))


def _config(clips: int, encoder: bool) -> tuple[str, str]:
    """The config for a number of clips, and why."""
    if encoder:
        why = "a discriminant on frozen Whisper features, the best on own recordings"
        return WITH_ENCODER, f"config {WITH_ENCODER}: {why} (else --config=NAME)"
    better = "voxjax download --encoder=whisper_tiny_en brings a better one (40 MB)"
    for fewest, name in NETWORKS:
        if clips >= fewest:
            return name, f"config {name}: a network, as there are {clips} clips; {better} (else --config=NAME)"
    why = f"{clips} clips are too few to train a network"
    return WITHOUT_ENCODER, f"config {WITHOUT_ENCODER}: {why}; {better} (else --config=NAME)"


def _protocol(manifest: Manifest) -> tuple[str, str]:
    """The protocol for the speakers of a corpus, and why."""
    people = {clip.voice for clip in manifest.clips}
    unknown = sum(not clip.has_known_speaker for clip in manifest.clips)
    if unknown:
        why = f"{unknown} of {len(manifest)} clips have no speaker: tested on other clips, not on new people"
        return "random5", f"protocol random5: {why}; name them by LABEL/SPEAKER/clip.wav (else --protocol=NAME)"
    if len(people) == 1:
        why = "one speaker: tested on other clips of the same person, not on new people"
        return "random5", f"protocol random5: {why} (else --protocol=NAME)"
    if len(people) <= MOST_LEFT_OUT:
        why = f"each of the {len(people)} speakers is tested by a model that was not trained on them"
        return "loso:clips", f"protocol loso:clips: {why} (else --protocol=NAME)"
    why = f"each of the {len(people)} speakers, in five groups, is tested by a model that was not trained on them"
    return "speaker5", f"protocol speaker5: {why} (else --protocol=NAME)"


def _of_one_speaker(manifest: Manifest) -> list[str]:
    """Labels that only one speaker has."""
    people = collections.defaultdict(set)
    for clip in manifest.clips:
        people[clip.emotion].add(clip.voice)
    return [label for label in manifest.labels if len(people[label]) == 1]
