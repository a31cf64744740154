"""How many of the test speakers are people that a model was trained on."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from voxjax.data.manifest import Clip

# Protocols whose figures are of speakers that the model was not trained on; `all` has no figures of its own.
_SPEAKER_INDEPENDENT = ("speaker5", "speaker6", "speaker_statement", "corpus")
NAME = "known_speakers"  # the protocol instead, where there are such people


class KnownSpeakers(NamedTuple):
    """Test speakers whose names are given, and how many of them the model was trained on."""

    known: int
    speakers: int

    def fields(self) -> dict[str, Any]:
        """Fields of `metrics.json`, where there are any such people."""
        return {"known_speakers": self.known, "named_speakers": self.speakers} if self.known else {}


def count(people: Collection[str], clips: Iterable[Clip]) -> KnownSpeakers:
    """Counts the speakers of test clips.

    Args:
        people: that the model was trained on, as `Clip.person`.
        clips: that are tested.
    """
    tested = {clip.person for clip in clips} - {""}
    return KnownSpeakers(len(tested & set(people)), len(tested))


def protocol(name: str, speakers: KnownSpeakers) -> str:
    """The protocol that a report of a trained model names.

    Args:
        name: of the model's own protocol, or `corpus`.
        speakers: of the test clips.
    """
    name = "corpus" if name in ("all", "adapted") else name  # what is tested now was held out, of a model as it is
    return NAME if speakers.known and name in _SPEAKER_INDEPENDENT else name


def warning(known: int, speakers: int) -> str:
    """The sentence that a report must state."""
    return f"{known} of {speakers} speakers are people that the model was trained on."
