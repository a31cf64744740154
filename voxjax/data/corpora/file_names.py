"""The audio files of a corpus; unknown names and duplicate recordings are errors."""

import collections
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from voxjax.audio import io
from voxjax.data.manifest import Clip, digest
from voxjax.errors import VoxJaxError, mismatch

LOSSLESS = (".wav", ".flac")
_LISTED = 5  # names in a message


class Naming(NamedTuple):
    """How a corpus names its recordings."""

    corpus: str
    pattern: re.Pattern[str]  # of the whole name without its suffix
    example: str


class Recording(NamedTuple):
    """A file, and the fields of its name."""

    path: Path
    fields: re.Match[str]


def audio_files(folder: Path, suffixes: Sequence[str] = LOSSLESS) -> list[Path]:
    """All audio files below a folder, sorted, without hidden ones."""
    return sorted(path for path in folder.rglob("*") if io.is_sound(path) and path.suffix.lower() in suffixes)


def recordings(folder: Path, files: Iterable[Path], naming: Naming) -> list[Recording]:
    """Files with the fields of their names.

    Args:
        folder: of the corpus, for messages.
        files: audio files below it.
        naming: of the corpus.

    Raises:
        VoxJaxError: if there are none, or at names of another form, which are listed.
    """
    files = list(files)
    found = [Recording(path, match) for path in files if (match := naming.pattern.fullmatch(path.stem))]
    recognised = {one.path for one in found}
    check_all_recognised(folder, [path for path in files if path not in recognised], naming)
    if not files:
        do = "put the corpus there (its layout is in docs/corpora.md; for most, scripts/download.py fetches it)"
        raise VoxJaxError(mismatch(naming.corpus, f"recordings such as {naming.example}", f"none in {folder}", do))
    return found


def check_all_recognised(folder: Path, unknown: Sequence[Path], naming: Naming) -> None:
    """Checks that no files with unrecognised names are left.

    Raises:
        VoxJaxError: if there are any.
    """
    if unknown:
        found = f"{len(unknown)} other names: " + ", ".join(str(path.relative_to(folder)) for path in unknown[:_LISTED])
        do = "move them elsewhere, or use --config.corpus=folder for recordings of your own"
        raise VoxJaxError(mismatch(naming.corpus, f"names such as {naming.example}", found, do))


def check_unique(corpus: str, folder: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Checks that no recording is there twice; some archives contain a copy of their own folder.

    Args:
        corpus: its name.
        folder: of the corpus.
        files: the identity of each recording, and its file.

    Raises:
        VoxJaxError: with the paths of the first duplicate.
    """
    places = collections.defaultdict(list)
    for name, path in files:
        places[name].append(str(path.relative_to(folder)))
    duplicates = [" = ".join(paths) for paths in places.values() if len(paths) > 1]
    if duplicates:
        found = f"{len(duplicates)} more than once, such as {duplicates[0]}"
        raise VoxJaxError(mismatch(corpus, "each clip once", found, "remove the second copy"))


def missing(corpus: str, absent: Sequence[str], do: str) -> VoxJaxError:
    """The error of recordings in a corpus's table that have no file."""
    found = f"{len(absent)} missing: " + ", ".join(absent[:_LISTED])
    return VoxJaxError(mismatch(corpus, "an audio file for each row of its table", found, do))


def clip(data_dir: Path, path: Path, corpus: str, speaker: str, emotion: str, **more: str) -> Clip:
    """A row of the manifest; fields that are not given are empty."""
    about: dict[str, Any] = dict.fromkeys(("gender", "statement", "intensity", "repetition", "votes"), "") | more
    place = path.relative_to(data_dir).as_posix()
    return Clip(path=place, corpus=corpus, speaker=speaker, emotion=emotion, sha256=digest(path), **about)
