"""Searches folders for sound files: what was found, and what was left out and why. Every command searches with it."""

import collections
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Sounds by their suffix, whether or not they can be decoded: one that can't be is an error that names it, and never
# left out.
SOUND_SUFFIXES = _names(
    ".wav .wave .bwf .rf64 .w64 .flac .ogg .oga .opus .mp3 .mp2 .mpga .aif .aiff .aifc .au .snd .caf .sph .nist .voc "
    ".m4a .m4b .m4r .aac .adts .wma .amr .awb .3ga .ac3 .eac3 .ape .wv .mka .weba .spx .ra .ram .dss .ds2 .dsf .dff "
    ".gsm .qcp .tta .mpc .alac .raw .pcm"
)
VIDEO_SUFFIXES = _names(
    ".mp4 .m4v .mov .avi .mkv .webm .wmv .flv .f4v .mpg .mpeg .3gp .3g2 .ogv .mts .m2ts .vob .asf .rm .divx"
)
# Never sounds: they lie beside recordings everywhere and are not counted.
_DOCUMENT_SUFFIXES = _names(
    ".txt .md .rst .pdf .rtf .doc .docx .odt .csv .tsv .xls .xlsx .ods .json .jsonl .xml .html .htm .yaml .yml .toml "
    ".ini .cfg .log .db .png .jpg .jpeg .gif .svg .webp .bmp .tif .tiff .textgrid .eaf .lab .phn .wrd .trs .srt .vtt "
    ".rttm .stm .ctm .npy .npz .h5 .mat .py .ipynb .sh .r .m .bib .md5 .sha1 .sha256 .lnk .url .webloc"
)
_DOCUMENT_NAMES = _names("readme license licence copying changelog citation authors makefile")

# Folders that file managers, storage devices, archives and notebooks leave behind; hidden ones begin with a dot.
_LEFTOVERS = {
    *_names("__macosx @eadir $recycle.bin recycler #recycle #snapshot @recycle @recently-snapshot lost+found"),
    *_names("found.000 __pycache__"),
    "system volume information",
    "network trash folder",
    "temporary items",
}

HIDDEN = "hidden, or left by a file manager or a notebook"
VISITED = "links that lead back or to folders that are searched already"
BROKEN_LINK = "broken links"
UNKNOWN = "files of an unknown kind"

_LISTED = 3  # paths of one reason in a message


class Search(NamedTuple):
    """What a search has found below a folder."""

    files: list[Path]  # sounds and videos by their suffix, sorted
    left_out: Mapping[str, list[Path]]  # by reason
    unreadable: Mapping[Path, str]  # folders that can't be opened, with the reason


def is_sound(path: Path) -> bool:
    """Whether a file is a sound or a video by its suffix; not every one can be decoded."""
    return path.suffix.lower() in SOUND_SUFFIXES | VIDEO_SUFFIXES


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or left by a file manager, an archive or a notebook."""
    return name.startswith((".", "~$")) or name.lower() in _LEFTOVERS


def search(folder: Path) -> Search:
    """All sounds below a folder, and what was left out.

    Links are followed. Each real folder is visited once, under its own name where it has one below `folder`, so loops
    end. Hidden files and leftovers are left out and counted where they are sounds; documents are not counted.
    A link to a missing sound is a sound: reading it is an error.
    """
    files: list[Path] = []
    left_out: dict[str, list[Path]] = collections.defaultdict(list)
    unreadable: dict[Path, str] = {}
    for path, reason in _walk(folder, unreadable):
        if not reason and is_sound(path):
            files.append(path)
        elif reason and (reason != HIDDEN or is_sound(path)):
            left_out[reason].append(path)
        elif not reason and not _is_document(path):
            left_out[UNKNOWN].append(path)
    return Search(sorted(files), {reason: sorted(left_out[reason]) for reason in sorted(left_out)}, unreadable)


def all_files(folder: Path) -> list[Path]:
    """All files below a folder, of any kind, without hidden ones and leftovers; links are followed as by `search`."""
    return sorted(path for path, reason in _walk(folder, {}) if not reason)


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in a folder, sorted, without hidden ones and leftovers; links to folders are among them."""
    return sorted(path for path in folder.iterdir() if os.path.isdir(path) and not is_leftover(path.name))


def description(folder: Path, left_out: Mapping[str, list[Path]]) -> str:
    """What was left out as one line: for each reason the number of files, and the first of them."""
    parts = []
    for reason, paths in left_out.items():
        names = ", ".join(_below(path, folder) for path in paths[:_LISTED])
        parts.append(f"{reason}: {len(paths)} ({names}{', …' if len(paths) > _LISTED else ''})")
    return "; ".join(parts)


def report(folder: Path, left_out: Mapping[str, list[Path]]) -> None:
    """Warns in one line about what a search left out, if it left out anything."""
    if left_out:
        logging.getLogger("voxjax").warning("left out of %s: %s", folder, description(folder, left_out))


def _walk(top: Path, unreadable: dict[Path, str]) -> Iterator[tuple[Path, str]]:
    """Each file, and each link that is not followed, with the reason to leave it out; "" for none.

    Real folders come first, so that a link never takes their place; hidden ones last, so that a link may lead there.
    """
    queues: dict[str, list[tuple[Path, str]]] = {"folder": [(top, "")], "link": [], "hidden": []}
    visited = {_identity(parent) for parent in top.resolve().parents}
    while any(queues.values()):
        kind = next(name for name, queue in queues.items() if queue)
        path, reason = queues[kind].pop(0)
        identity = _identity(path)
        if identity in visited:
            if kind == "link":
                yield path, VISITED
            continue
        visited.add(identity)
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            if not reason:
                unreadable[path] = error.strerror or type(error).__name__
            continue
        for entry in entries:
            yield from _sorted_in(Path(path, entry.name), entry, reason, queues)


def _sorted_in(
    path: Path, entry: "os.DirEntry[str]", reason: str, queues: dict[str, list[tuple[Path, str]]]
) -> Iterator[tuple[Path, str]]:
    """Puts a folder into its queue, and yields anything else."""
    own = reason or (HIDDEN if is_leftover(entry.name) else "")
    link = entry.is_symlink()
    if os.path.isdir(path):
        if not (link and own):
            queues["hidden" if own else "link" if link else "folder"].append((path, own))
    elif link and not own and not os.path.exists(path) and not is_sound(path):
        yield path, BROKEN_LINK
    else:
        yield path, own


def _identity(path: Path) -> tuple[int, int] | str:
    """What is equal for a folder under all its names."""
    try:
        status = path.stat()
    except OSError:
        return str(path)
    return status.st_dev, status.st_ino


def _is_document(path: Path) -> bool:
    return path.suffix.lower() in _DOCUMENT_SUFFIXES or path.stem.lower() in _DOCUMENT_NAMES


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
