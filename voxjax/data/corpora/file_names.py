"""The files of a corpus: found, all of them recognised, each there once."""

import collections
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from voxjax.audio import io
from voxjax.data.manifest import Clip, digest
from voxjax.errors import VoxJaxError, mismatch

LOSSLESS = (".wav", ".flac")
_SHOWN = 5  # names in a message


class Naming(NamedTuple):
    """How a corpus names its recordings."""

    corpus: str
    pattern: re.Pattern[str]  # of the whole name without its suffix
    example: str


class Named(NamedTuple):
    """A recording, and what its name says."""

    path: Path
    parts: re.Match[str]


def sounds(folder: Path, suffixes: Sequence[str] = LOSSLESS) -> list[Path]:
    """All sound files below a folder, sorted; hidden ones are not looked at."""
    return sorted(path for path in folder.rglob("*") if io.is_sound(path) and path.suffix.lower() in suffixes)


def named(folder: Path, files: Iterable[Path], naming: Naming) -> list[Named]:
    """The recordings among files by what their names say.

    Args:
        folder: of the corpus, for messages.
        files: sound files below it.
        naming: of the corpus.

    Raises:
        VoxJaxError: if there are none, at names of another kind, which are listed and never guessed at, or
            at a recording that lies there twice, as in archives that hold their own folder again.
    """
    files = list(files)
    found = [Named(path, match) for path in files if (match := naming.pattern.fullmatch(path.stem))]
    known = {one.path for one in found}
    refuse_unknown(folder, [path for path in files if path not in known], naming)
    if not files:
        do = "put the corpus there (docs/corpora.md shows its layout; for most, scripts/download.py fetches it)"
        raise VoxJaxError(mismatch(naming.corpus, f"recordings such as {naming.example}", f"none in {folder}", do))
    return found


def refuse_unknown(folder: Path, unknown: Sequence[Path], naming: Naming) -> None:
    """Lists files that the corpus does not know.

    Raises:
        VoxJaxError: if there are any.
    """
    if unknown:
        found = f"{len(unknown)} others: " + ", ".join(str(path.relative_to(folder)) for path in unknown[:_SHOWN])
        do = "move them elsewhere, or use --config.corpus=folder for recordings of your own"
        raise VoxJaxError(mismatch(naming.corpus, f"names such as {naming.example}", found, do))


def refuse_twins(corpus: str, folder: Path, recordings: Iterable[tuple[str, Path]]) -> None:
    """Refuses a recording that lies there more than once.

    Args:
        corpus: its name.
        folder: of the corpus.
        recordings: which recording each file is, and the file.

    Raises:
        VoxJaxError: naming the first.
    """
    places = collections.defaultdict(list)
    for name, path in recordings:
        places[name].append(str(path.relative_to(folder)))
    twins = [" = ".join(paths) for paths in places.values() if len(paths) > 1]
    if twins:
        found = f"{len(twins)} more than once, as {twins[0]}"
        raise VoxJaxError(mismatch(corpus, "each clip once", found, "remove the second copy"))


def missing(corpus: str, absent: Sequence[str], do: str) -> VoxJaxError:
    """The error that recordings named in a corpus's own table are not there."""
    found = f"{len(absent)} missing: " + ", ".join(absent[:_SHOWN])
    return VoxJaxError(mismatch(corpus, "a sound file for each row of its table", found, do))


def clip(data_dir: Path, path: Path, corpus: str, speaker: str, emotion: str, **more: str) -> Clip:
    """A row of the manifest; what is not given is empty."""
    about: dict[str, Any] = dict.fromkeys(("gender", "statement", "intensity", "repetition", "votes"), "") | more
    place = path.relative_to(data_dir).as_posix()
    return Clip(path=place, corpus=corpus, speaker=speaker, emotion=emotion, sha256=digest(path), **about)
