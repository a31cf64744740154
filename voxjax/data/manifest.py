"""The manifest: one row a clip, and the arrays that training needs of it."""

import csv
import dataclasses
import functools
import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from voxjax.errors import VoxJaxError, mismatch
from voxjax.labels import ordered


@dataclasses.dataclass(frozen=True)
class Clip:
    """One recording. What its corpus does not tell is an empty string."""

    path: str  # relative to the manifest's root, with forward slashes
    corpus: str
    speaker: str
    gender: str
    emotion: str
    statement: str
    intensity: str
    repetition: str
    sha256: str  # of the file's bytes
    votes: str = ""  # what listeners heard, as "angry=7 neutral=2"
    text: str = ""  # what is said, word for word
    face: str = ""  # a file of what the face does, named as `path` is
    physio: str = ""  # a file of heart rate, skin conductance and the like, named as `path` is
    audio_hash: str = ""  # SHA-256 of the decoded samples, once they are decoded

    @property
    def augmentation_id(self) -> int:
        """What the draws of its offline copies are derived from: 32 bits of its content's hash."""
        return int(self.sha256[:8], 16)

    @property
    def content_hash(self) -> str:
        """What makes it the same recording: equal samples, whatever the file's format; else equal bytes."""
        return self.audio_hash or self.sha256


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Clips under one root folder. Speakers of joined corpora carry their corpus: `ravdess/Actor_01`."""

    root: Path
    clips: tuple[Clip, ...]
    notes: tuple[str, ...] = ()  # what was renamed or left out, to stand beside every figure

    def __len__(self) -> int:
        return len(self.clips)

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """The distinct emotions, in the project's order."""
        return ordered(clip.emotion for clip in self.clips)

    @functools.cached_property
    def targets(self) -> np.ndarray:
        """The index of each clip's emotion in `labels`: int32 `[clips]`."""
        place = {label: i for i, label in enumerate(self.labels)}
        return np.array([place[clip.emotion] for clip in self.clips], np.int32)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speaker of each clip."""
        return tuple(clip.speaker for clip in self.clips)

    def select(self, indices: Sequence[int] | np.ndarray) -> "Manifest":
        """The clips at these places, in this order. Its `labels` and `targets` are its own."""
        return Manifest(self.root, tuple(self.clips[int(i)] for i in indices), self.notes)

    def with_audio_hashes(self, hashes: Iterable[str]) -> "Manifest":
        """The same clips with the hashes of their decoded samples, in order."""
        pairs = zip(self.clips, hashes, strict=True)
        return dataclasses.replace(self, clips=tuple(dataclasses.replace(clip, audio_hash=one) for clip, one in pairs))


FIELDS = tuple(field.name for field in dataclasses.fields(Clip))
FILES = ("path", "face", "physio")  # fields that name a file below the manifest's root


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_csv(manifest: Manifest) -> str:
    """The manifest as a table with a header, one row a clip."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(dataclasses.astuple(clip) for clip in manifest.clips)
    return out.getvalue()


def from_csv(text: str, root: Path) -> Manifest:
    """The manifest of a table written by `to_csv`.

    Raises:
        VoxJaxError: at a table with other columns, or a row of another length.
    """
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or tuple(rows[0]) != FIELDS:
        found = ", ".join(rows[0]) if rows else "an empty file"
        raise VoxJaxError(mismatch("manifest", ", ".join(FIELDS), found, "write the manifest again"))
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(FIELDS):
            found = f"{len(row)} in line {number}"
            raise VoxJaxError(mismatch("manifest", f"{len(FIELDS)} columns", found, "write the manifest again"))
    return Manifest(root, tuple(Clip(*row) for row in rows[1:]))


def duplicates(clips: Iterable[Clip]) -> list[list[int]]:
    """Groups of clips of equal content, as their indices, first to last."""
    groups: dict[str, list[int]] = {}
    for i, clip in enumerate(clips):
        groups.setdefault(clip.content_hash, []).append(i)
    return [group for group in groups.values() if len(group) > 1]
