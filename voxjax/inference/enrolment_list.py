"""People who are enrolled for predictions: a folder of one person's clips, or a list with a column `speaker`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference import source_list
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.source_list import Entry

ANYONE = ""  # the person of a list without a column `speaker`
_SPEAKER, _LABEL = "speaker", "label"


class People(NamedTuple):
    """A predictor for each enrolled person, and one for strangers."""

    strangers: EmotionPredictor
    known: Mapping[str, EmotionPredictor]  # by name; under `ANYONE` where all clips are one person's

    def of(self, entry: Entry) -> EmotionPredictor:
        """The predictor for the speaker of an entry."""
        name = entry.columns[_SPEAKER].strip() if _SPEAKER in entry.columns else ANYONE
        own = ANYONE if ANYONE in self.known else name
        return self.known[own] if own in self.known else self.strangers

    def runs(self, entries: Sequence[Entry]) -> Iterator[tuple[EmotionPredictor, Sequence[Entry]]]:
        """Consecutive entries that one predictor answers."""
        start = 0
        for end in range(1, len(entries) + 1):
            if end == len(entries) or self.of(entries[end]) is not self.of(entries[start]):
                yield self.of(entries[start]), entries[start:end]
                start = end


def enrol(predictor: EmotionPredictor, path: str) -> People:
    """Enrols the people of a folder or a list.

    Args:
        predictor: for strangers.
        path: a folder of clips of one person; or a CSV file with a column `path` or `file`, and any of `speaker`, the
            person's name, and `label`, the emotion of the clip, which is given for all clips of a person or none.

    Raises:
        UsageError: at labels of some clips of a person only.
        VoxJaxError: at a clip that can't be used, or a model that can't enrol anyone.
    """
    is_folder = Path(path).is_dir()
    entries = source_list.find([path] if is_folder else [], [] if is_folder else [path]).entries
    clips: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.error:
            raise VoxJaxError(f"{entry.name}: {entry.error}")
        name = entry.columns[_SPEAKER].strip() if _SPEAKER in entry.columns else ANYONE
        clips.setdefault(name, []).append(entry)
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
