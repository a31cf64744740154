"""The manifest: one row per clip, and the arrays that training derives from it."""

import csv
import dataclasses
import functools
import hashlib
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.errors import VoxJaxError, mismatch
from voxjax.labels import ordered
from voxjax.storage import csv_text
from voxjax.storage.safe_text import readable

UNKNOWN_SPEAKER = "unknown"


@dataclasses.dataclass(frozen=True)
class Clip:
    """One recording. A field that its corpus does not give is an empty string."""

    path: str  # relative to the manifest's root, with forward slashes
    corpus: str
    speaker: str  # `UNKNOWN_SPEAKER` where the corpus does not give it
    gender: str
    emotion: str
    statement: str
    intensity: str
    repetition: str
    sha256: str  # of the file's bytes
    votes: str = ""  # listeners' votes as text, "angry=7 neutral=2"; `vote_counts` has the numbers
    text: str = ""  # the transcript
    face: str = ""  # a file of facial action units over time, relative as `path` is
    physio: str = ""  # a file of physiological signals over time, relative as `path` is
    audio_hash: str = ""  # SHA-256 of the decoded samples, once they are decoded
    augmented_copy: int = 0  # 0 is the recording itself, n its n-th offline augmentation as a clip of its own
    own_columns: str = ""  # further columns of the user's own table, as a JSON object
    person: str = ""  # the speaker as one person in all corpora, such as `ravdess/actor_01`; empty if unknown
    recording: str = ""  # equal for near duplicates, once fingerprints are compared: the first one's content hash

    @property
    def augmentation_id(self) -> int:
        """The seed of its offline augmentation: the first 32 bits of the file's hash."""
        return int(self.sha256[:8], 16)

    @property
    def content_hash(self) -> str:
        """Equal for equal recordings: the hash of the decoded samples, or of the file's bytes until they are decoded.

        An augmented copy has another one.
        """
        content = self.audio_hash or self.sha256
        return f"{content}#{self.augmented_copy}" if self.augmented_copy else content

    @property
    def recording_id(self) -> str:
        """Equal for the same recording and its near duplicates: other formats, levels, cuts."""
        return self.recording or self.content_hash

    @property
    def clip_id(self) -> str:
        """The path as valid Unicode, with `#n` for the n-th augmented copy: unique in a manifest."""
        path = readable(self.path)
        return f"{path}#{self.augmented_copy}" if self.augmented_copy else path

    @property
    def has_known_speaker(self) -> bool:
        """Whether the corpus gives the speaker, in joined corpora, too."""
        return self.speaker.removeprefix(f"{self.corpus}/") != UNKNOWN_SPEAKER

    @property
    def voice(self) -> str:
        """The person, or the speaker's name where no person is known."""
        return self.person or self.speaker

    @functools.cached_property
    def vote_counts(self) -> dict[str, int]:
        """Listeners' votes by emotion; empty without votes.

        Raises:
            VoxJaxError: if `votes` is not of the form "angry=7 neutral=2".
        """
        return parse_votes(self.path, self.votes)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Clips under one root folder. Speakers of joined corpora carry their corpus: `ravdess/Actor_01`."""

    root: Path
    clips: tuple[Clip, ...]
    notes: tuple[str, ...] = ()  # on renamed and omitted labels, for the report

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

    @functools.cached_property
    def speaker_index(self) -> np.ndarray:
        """The index of each clip's person among all in sorted order: int32 `[clips]`."""
        return np.unique([clip.voice for clip in self.clips], return_inverse=True)[1].astype(np.int32)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speaker of each clip."""
        return tuple(clip.speaker for clip in self.clips)

    def select(self, indices: Sequence[int] | np.ndarray) -> "Manifest":
        """The clips at these indices, in this order. `labels` and `targets` are those of the selection."""
        return Manifest(self.root, tuple(self.clips[int(i)] for i in indices), self.notes)

    def with_audio_hashes(self, hashes: Iterable[str]) -> "Manifest":
        """The same clips with the hashes of their decoded samples, in order."""
        pairs = zip(self.clips, hashes, strict=True)
        return dataclasses.replace(self, clips=tuple(dataclasses.replace(clip, audio_hash=one) for clip, one in pairs))


def parse_votes(source: str, votes: str) -> dict[str, int]:
    """Counts by emotion of a text such as "angry=7 neutral=2"; empty for an empty text.

    Args:
        source: the clip or the line, for the error.
        votes: emotions without spaces, each with its count of listeners.

    Raises:
        VoxJaxError: at another form, a negative count, or a repeated emotion.
    """
    pairs = [vote.rpartition("=") for vote in votes.split()]
    counts = {emotion: int(count) for emotion, _, count in pairs if emotion and count.isascii() and count.isdigit()}
    if len(counts) != len(pairs):
        do = "write each emotion once, with the number of listeners who chose it"
        raise VoxJaxError(mismatch(f"{source}, votes", "such as angry=7 neutral=2", f"'{votes}'", do))
    return counts


FIELDS = tuple(field.name for field in dataclasses.fields(Clip))
FILES = ("path", "face", "physio")  # fields that name a file below the manifest's root


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; of its path where it can't be read, which decoding will report."""
    try:
        if path.is_file():  # a pipe would wait for its writer
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        pass
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def to_csv(manifest: Manifest) -> str:
    """The manifest as a table with a header, one row a clip."""
    return csv_text.text([FIELDS, *(dataclasses.astuple(clip) for clip in manifest.clips)])


def from_csv(text: str, root: Path) -> Manifest:
    """The manifest of a table written by `to_csv`.

    Raises:
        VoxJaxError: at a table with other columns, or a row of another length.
    """
    rows = [[csv_text.original(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]
    if not rows or tuple(rows[0]) != FIELDS:
        found = ", ".join(rows[0]) if rows else "an empty file"
        raise VoxJaxError(mismatch("manifest", ", ".join(FIELDS), found, "write the manifest again"))
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(FIELDS):
            found = f"{len(row)} in line {number}"
            raise VoxJaxError(mismatch("manifest", f"{len(FIELDS)} columns", found, "write the manifest again"))
    return Manifest(root, tuple(_clip(row) for row in rows[1:]))


def _clip(row: Sequence[str]) -> Clip:
    values: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    return Clip(**values | {"augmented_copy": int(values["augmented_copy"])})


def own_columns(clips: Sequence[Clip]) -> dict[str, list[str]]:
    """The further columns of the users' own tables by name, with one value per clip; empty where a clip has none."""
    each = [json.loads(clip.own_columns) if clip.own_columns else {} for clip in clips]
    names = dict.fromkeys(name for values in each for name in values)
    return {name: [values[name] if name in values else "" for values in each] for name in names}


def duplicates(clips: Iterable[Clip]) -> list[list[int]]:
    """Groups of clips of the same recording, as their indices, first to last."""
    groups: dict[str, list[int]] = {}
    for i, clip in enumerate(clips):
        groups.setdefault(clip.recording_id, []).append(i)
    return [group for group in groups.values() if len(group) > 1]
