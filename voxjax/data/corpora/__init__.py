"""The corpora. A new one is a file here and a row in `CORPORA`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from voxjax.config import one_of
from voxjax.data.corpora import (
    cremad,
    csv_table,
    demo,
    demo_modal,
    emodb,
    esd,
    folder,
    iemocap,
    meld,
    nemo,
    ravdess,
    savee,
    tess,
)
from voxjax.data.manifest import FILES, Clip, Manifest
from voxjax.errors import UsageError, VoxJaxError, mismatch


class Corpus(NamedTuple):
    """How a corpus is read, and the credit that its figures and models must state."""

    find: Callable[[Path], list[Clip]]  # clips, with paths relative to the folder given
    needs_folder: int  # 0 for a synthesised corpus
    published: int  # 1 if a file name identifies the recording on every computer
    note: str  # credit and licence


CORPORA = {
    "demo": Corpus(demo.find, 0, 1, demo.NOTE),
    "demo_modal": Corpus(demo_modal.find, 0, 1, demo_modal.NOTE),
    "ravdess": Corpus(ravdess.find, 1, 1, ravdess.NOTE),
    "ravdess_song": Corpus(ravdess.find_song, 1, 1, ravdess.NOTE),
    "tess": Corpus(tess.find, 1, 1, tess.NOTE),
    "cremad": Corpus(cremad.find, 1, 1, cremad.NOTE),
    "emodb": Corpus(emodb.find, 1, 1, emodb.NOTE),
    "savee": Corpus(savee.find, 1, 1, savee.NOTE),
    "nemo": Corpus(nemo.find, 1, 1, nemo.NOTE),
    "iemocap": Corpus(iemocap.find, 1, 1, iemocap.NOTE),
    "meld": Corpus(meld.find, 1, 1, meld.NOTE),
    "esd": Corpus(esd.find, 1, 1, esd.NOTE),
    "folder": Corpus(folder.find, 1, 0, folder.NOTE),
    "csv": Corpus(csv_table.find, 1, 0, csv_table.NOTE),
}


GENERATED = tuple(name for name, corpus in CORPORA.items() if not corpus.needs_folder)  # synthesised, not recorded


def load(names: str, data_dir: Path | None, cache: Path) -> Manifest:
    """The manifest of a corpus, or of several joined by `+`.

    Args:
        names: as "ravdess" or "ravdess+folder".
        data_dir: the folder with one subfolder per corpus.
        cache: the folder for synthesised corpora.

    Raises:
        UsageError: at an unknown name, or without a folder where one is needed.
        VoxJaxError: at a folder without the corpus.
    """
    parts = names.split("+")
    for name in parts:
        one_of("config.corpus", name, CORPORA)
    roots = {name: _root(name, data_dir, cache) for name in parts}
    if len(parts) == 1:
        return Manifest(roots[names], tuple(CORPORA[names].find(roots[names])))
    shared = Path(roots[parts[0]].anchor)  # paths of several roots are given from the top
    clips = [_joined(clip, roots[name], shared) for name in parts for clip in CORPORA[name].find(roots[name])]
    return Manifest(shared, tuple(clips))


def keys(clip: Clip) -> set[str]:
    """Identifiers of a recording: its hash and, in a published corpus, its name without the suffix."""
    found = {clip.sha256[:16]}
    if CORPORA[clip.corpus].published:
        found.add(":".join([clip.corpus, *Path(clip.path).with_suffix("").parts[-2:]]))
    return found


def notes(names: str) -> list[str]:
    """Credit and licence of each corpus joined by `+`."""
    return [CORPORA[name].note for name in names.split("+")]


def _root(name: str, data_dir: Path | None, cache: Path) -> Path:
    if not CORPORA[name].needs_folder:
        return cache
    if data_dir is None:
        do = f"add --data_dir=DIR where DIR/{name} is the corpus"
        raise UsageError(mismatch(f"corpus '{name}'", "a folder of recordings", "no --data_dir", do))
    if not data_dir.is_dir():
        raise VoxJaxError(mismatch("--data_dir", "a folder", f"'{data_dir}', which is not there", "check the path"))
    return data_dir.resolve()


def _joined(clip: Clip, root: Path, shared: Path) -> Clip:
    own = dataclasses.asdict(clip)
    moved = {name: (root / own[name]).relative_to(shared).as_posix() for name in FILES if own[name]}
    return dataclasses.replace(clip, **moved, speaker=f"{clip.corpus}/{clip.speaker}")
