"""Clips that adapt a model: of one person, a folder; of several, a list with a column `speaker`; or of a corpus."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference import source_list
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.source_list import Entry

ADAPT = ("speaker", "corpus")  # to whom a model is adapted
STRANGER = "the speaker is not enrolled: answered as for a stranger"
ANYONE = ""  # the person of a list without a column `speaker`
_SPEAKER, _LABEL = "speaker", "label"


class People(NamedTuple):
    """A predictor for each enrolled person, and one for strangers."""

    strangers: EmotionPredictor
    known: Mapping[str, EmotionPredictor]  # by name; under `ANYONE` where one is for all

    def of(self, entry: Entry) -> EmotionPredictor:
        """The predictor for the speaker of an entry."""
        return self.of_speaker(entry.columns[_SPEAKER].strip() if _SPEAKER in entry.columns else ANYONE)

    def of_speaker(self, name: str) -> EmotionPredictor:
        """The predictor for a speaker."""
        own = ANYONE if ANYONE in self.known else name
        return self.known[own] if own in self.known else self.strangers

    def about(self, speakers: Iterable[str]) -> list[str]:
        """Warnings about the answers to these speakers."""
        found = []
        for name in dict.fromkeys(ANYONE if ANYONE in self.known else name for name in speakers):
            made = self.of_speaker(name).enrolment
            found += [f"{name}: {text}" if name else text for text in (made.warnings if made else [STRANGER])]
        return found

    def runs(self, entries: Sequence[Entry]) -> Iterator[tuple[EmotionPredictor, Sequence[Entry]]]:
        """Consecutive entries that one predictor answers."""
        start = 0
        for end in range(1, len(entries) + 1):
            if end == len(entries) or self.of(entries[end]) is not self.of(entries[start]):
                yield self.of(entries[start]), entries[start:end]
                start = end


class Choice(NamedTuple):
    """What a model is adapted to."""

    adapt: str  # a name in `ADAPT`
    enrol: str  # a folder or a list of clips


def choice(adapt: str | None, enrol: str | None) -> Choice | None:
    """What a user asks for by --adapt and --enrol; None for a model as it is.

    Raises:
        UsageError: where clips are missing.
    """
    if enrol is None:
        if adapt is None:
            return None
        raise UsageError(mismatch(f"--adapt={adapt}", "clips to adapt to", "none", "add --enrol=FOLDER_OR_LIST"))
    return Choice(adapt or ADAPT[0], enrol)


def enrol(predictor: EmotionPredictor, wanted: Choice) -> People:
    """Enrols the people of a folder or a list, or adapts to its clips as a corpus.

    Args:
        predictor: for strangers.
        wanted: a folder of clips of one person; or a CSV file with a column `path` or `file`, and any of `speaker`, the
            person's name, and `label`, the emotion of the clip, which is given for all clips of a person or none. To a
            corpus the model is adapted by the clips alone, whatever their names and labels.

    Raises:
        UsageError: at labels of some clips of a person only.
        VoxJaxError: at a clip that can't be used, or a model that can't enrol anyone.
    """
    path = wanted.enrol
    is_folder = Path(path).is_dir()
    entries = source_list.find([path] if is_folder else [], [] if is_folder else [path]).entries
    clips: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.error:
            raise VoxJaxError(f"{entry.name}: {entry.error}")
        name = entry.columns[_SPEAKER].strip() if _SPEAKER in entry.columns else ANYONE
        clips.setdefault(name, []).append(entry)
    if wanted.adapt == "corpus":
        return People(predictor, {ANYONE: predictor.adapted([one.path for one in entries])})
    if len(clips) > 1 and ANYONE in clips:
        found = f"an empty cell beside {clips[ANYONE][0].name}"
        raise UsageError(mismatch(f"{path}, column speaker", "a name for each clip", found, "fill it in"))
    known = {name: predictor.enrolled([one.path for one in own], _labels(name, own)) for name, own in clips.items()}
    return People(predictor, known)


def _labels(name: str, entries: Sequence[Entry]) -> list[str] | None:
    """The labels of a person's clips; None where there are none."""
    labels = [entry.columns[_LABEL].strip() if _LABEL in entry.columns else "" for entry in entries]
    if not any(labels):
        return None
    if not all(labels):
        found = f"none for {entries[labels.index('')].name}"
        do = "fill them in, or leave the column out"
        raise UsageError(mismatch(f"enrolling clips of '{name}'", "a label for each, or for none", found, do))
    return labels
