"""The corpora. A new one is a file here and a row in `CORPORA`."""

import dataclasses
import os
from collections.abc import Callable, Sequence
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
from voxjax.names import caseless, normalised
from voxjax.storage import download_record


class Corpus(NamedTuple):
    """How a corpus is read, and the credit that its figures and models must state."""

    find: Callable[[Path], list[Clip]]  # clips, with paths relative to the folder given
    needs_folder: int  # 0 for a synthesised corpus
    published: int  # how many last parts of a path identify the recording on every computer; 0 if none do
    people: str  # the namespace of its speakers; corpora that share people have it in common
    note: str  # credit and licence
    licence: str  # as model hubs name it; "other" for terms without such a name
    languages: tuple[str, ...]  # ISO 639-1 codes of what is spoken; empty where nobody speaks or it is not known


CORPORA = {
    "demo": Corpus(demo.find, 0, 2, "demo", demo.NOTE, "apache-2.0", ()),
    "demo_modal": Corpus(demo_modal.find, 0, 2, "demo_modal", demo_modal.NOTE, "apache-2.0", ()),
    "ravdess": Corpus(ravdess.find, 1, 1, "ravdess", ravdess.NOTE, "cc-by-nc-sa-4.0", ("en",)),
    "ravdess_song": Corpus(ravdess.find_song, 1, 1, "ravdess", ravdess.NOTE, "cc-by-nc-sa-4.0", ("en",)),
    "tess": Corpus(tess.find, 1, 1, "tess", tess.NOTE, "cc-by-nc-nd-4.0", ("en",)),
    "cremad": Corpus(cremad.find, 1, 1, "cremad", cremad.NOTE, "odbl", ("en",)),
    "emodb": Corpus(emodb.find, 1, 1, "emodb", emodb.NOTE, "cc-by-4.0", ("de",)),
    "savee": Corpus(savee.find, 1, 2, "savee", savee.NOTE, "other", ("en",)),
    "nemo": Corpus(nemo.find, 1, 1, "nemo", nemo.NOTE, "cc-by-nc-sa-4.0", ("pl",)),
    "iemocap": Corpus(iemocap.find, 1, 1, "iemocap", iemocap.NOTE, "other", ("en",)),
    "meld": Corpus(meld.find, 1, 2, "meld", meld.NOTE, "other", ("en",)),
    "esd": Corpus(esd.find, 1, 1, "esd", esd.NOTE, "other", ("en", "zh")),
    "folder": Corpus(folder.find, 1, 0, "own", folder.NOTE, "other", ()),
    "csv": Corpus(csv_table.find, 1, 0, "own", csv_table.NOTE, "other", ()),
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
        one_of("corpus", name, CORPORA)
    roots = {name: _root(name, data_dir, cache) for name in parts}
    if len(parts) == 1:
        return Manifest(roots[names], _one_spelling(_found(names, roots[names])))
    shared = Path(os.path.commonpath(list(roots.values())))
    clips = [_joined(clip, roots[name], shared) for name in parts for clip in _found(name, roots[name])]
    return Manifest(shared, _one_spelling(clips))


def keys(clip: Clip) -> set[str]:
    """Identifiers of a recording: its hash and, in a published corpus, its name without the suffix, in lower case."""
    found = {clip.sha256[:16]}
    if CORPORA[clip.corpus].published:
        found.add(canonical_key(":".join([clip.corpus, *Path(clip.path).with_suffix("").parts])))
    return found


def canonical_key(key: str) -> str:
    """An identifier that `keys` of any version made, in the present form: `ravdess:03-01-01-01-01-01-01`."""
    corpus, *parts = key.split(":")
    if not parts or corpus not in CORPORA:
        return key
    return ":".join([corpus, *(caseless(part) for part in parts[-CORPORA[corpus].published :])])


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


def _found(name: str, root: Path) -> list[Clip]:
    """The clips of one corpus, with names in one Unicode form, and their speakers as people.

    Raises:
        VoxJaxError: if the corpus was downloaded, and files of it are missing or were changed since.
    """
    clips = CORPORA[name].find(root)
    digests = {clip.path.removeprefix(f"{name}/"): clip.sha256 for clip in clips}
    do = f"remove it and run voxjax download --corpus={name}, or delete its {download_record.NAME} to use it as it is"
    download_record.check(root / name, digests, do)
    return [
        dataclasses.replace(
            clip,
            speaker=normalised(clip.speaker),
            emotion=normalised(clip.emotion),
            statement=normalised(clip.statement),
            person=f"{CORPORA[name].people}/{caseless(clip.speaker)}" if clip.has_known_speaker else "",
        )
        for clip in clips
    ]


def _one_spelling(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """The clips with each person's name as it is spelt first: speakers who differ in case alone are one person."""
    first: dict[str, str] = {}
    return tuple(dataclasses.replace(clip, speaker=first.setdefault(clip.voice, clip.speaker)) for clip in clips)


def _joined(clip: Clip, root: Path, shared: Path) -> Clip:
    own = dataclasses.asdict(clip)
    moved = {name: (root / own[name]).relative_to(shared).as_posix() for name in FILES if own[name]}
    return dataclasses.replace(clip, **moved, speaker=f"{clip.corpus}/{clip.speaker}")
