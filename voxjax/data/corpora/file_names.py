"""The audio files of a corpus; unknown names and duplicate recordings are errors."""

import collections
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from voxjax.audio import search
from voxjax.data.manifest import Clip, digest
from voxjax.errors import VoxJaxError, mismatch

LOSSLESS = (".wav", ".flac")
_VIDEOS = "videos"
_COPIES = "copies of recordings in another format"
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


def audio_files(folder: Path, identity: Callable[[Path], object] = lambda path: path.stem) -> list[Path]:
    """The audio files of a published corpus, sorted; a warning counts what is left out.

    A recording in several formats is taken as WAV or FLAC. Videos, which are published beside some corpora, are left
    out.

    Args:
        folder: of the corpus.
        identity: of the recording in a file.

    Raises:
        VoxJaxError: as `sounds_below`.
    """
    found = sounds_below(folder)
    lossless = {identity(path) for path in found.files if path.suffix.lower() in LOSSLESS}
    left_out = dict(found.left_out)
    kept = []
    for path in found.files:
        if path.suffix.lower() in LOSSLESS:
            kept.append(path)
        elif path.suffix.lower() in search.VIDEO_SUFFIXES:
            left_out.setdefault(_VIDEOS, []).append(path)
        elif identity(path) in lossless:
            left_out.setdefault(_COPIES, []).append(path)
        else:
            kept.append(path)
    search.report(folder, left_out)
    return kept


def sounds_below(folder: Path) -> search.Search:
    """Searches a folder of a corpus.

    Raises:
        VoxJaxError: at folders that can't be opened, as nobody knows what is missing then.
    """
    if not folder.is_dir():
        return search.Search([], {}, {})
    found = search.search(folder)
    if found.unreadable:
        names = [f"{path} ({reason})" for path, reason in found.unreadable.items()]
        found_text = f"{len(names)} that can't be: {', '.join(names[:_LISTED])}"
        do = "allow yourself to read them (chmod u+rx), or move them elsewhere"
        raise VoxJaxError(mismatch(str(folder), "folders that can be opened", found_text, do))
    return found


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
