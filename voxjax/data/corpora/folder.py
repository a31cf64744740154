"""A user's own recordings: one subfolder per label."""

from pathlib import Path

from voxjax.audio import search
from voxjax.data.corpora import file_names
from voxjax.data.manifest import UNKNOWN_SPEAKER, Clip, digest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.safe_text import readable

NOTE = "Own recordings: their licence and the speakers' consent are the user's to state."

_NO_LABEL = "outside of a label's folder"
_EMPTY = "folders without sound files"


def find(data_dir: Path) -> list[Clip]:
    """Clips of `data_dir/folder/LABEL/…`, or where there is no such folder, of `data_dir/LABEL/…`.

    A subfolder of a label is a speaker: `LABEL/SPEAKER/clip.wav`. Without one the speaker is "unknown", and protocols
    by speaker raise an error.

    A warning counts what is left out: hidden files, sounds outside of a label's folder, and folders without sounds.

    Raises:
        VoxJaxError: with fewer than two labels, at a label or speaker of files that are left out alone, or at
            folders that can't be opened.
    """
    root = data_dir / "folder" if (data_dir / "folder").is_dir() else data_dir
    found = file_names.sounds_below(root)
    left_out = dict(found.left_out)
    if loose := [path for path in found.files if path.parent == root]:
        left_out[_NO_LABEL] = loose
    clips = [_clip(path, root, data_dir) for path in found.files if path.parent != root]
    if empty := _labels_without_sounds(root, found):
        left_out[_EMPTY] = empty
    search.report(root, left_out)
    _check_nothing_vanished(root, found)
    if len({clip.emotion for clip in clips}) < 2:
        labels = f"{len(clips)} clips of {len({clip.emotion for clip in clips})} label(s)"
        do = "make one subfolder per label and put its clips there"
        raise VoxJaxError(mismatch(str(root), "sound files in at least two subfolders", labels, do))
    return clips


def _labels_without_sounds(root: Path, found: search.Search) -> list[Path]:
    """Folders in the place of labels that hold nothing, or documents alone."""
    with_sounds = {path.relative_to(root).parts[0] for path in found.files}
    visited = found.left_out[search.VISITED] if search.VISITED in found.left_out else []
    return [path for path in search.subfolders(root) if path.name not in with_sounds and path not in visited]


def _check_nothing_vanished(root: Path, found: search.Search) -> None:
    """Checks that each label and speaker of files that were left out has a sound.

    Raises:
        VoxJaxError: at one without any, as all its files are hidden or of an unknown kind, or its link leads nowhere.
    """
    kept = [path.relative_to(root).parts for path in found.files]
    lost = [
        (what, level, path.relative_to(root).parts, reason)
        for reason, paths in found.left_out.items()
        for path in paths
        for level, what in enumerate(("label", "speaker"))
        if reason != search.VISITED
    ]
    for what, level, parts, reason in lost:
        is_folder = len(parts) > level + 1 or (reason == search.BROKEN_LINK and len(parts) == 1 and level == 0)
        if not is_folder or any(map(search.is_leftover, parts[: level + 1])):
            continue
        if parts[level] not in {one[level] for one in kept if len(one) > level + 1}:
            do = "put its sounds there, or move it elsewhere"
            raise VoxJaxError(mismatch(f"{what} '{readable(parts[level])}'", "sound files", f"{reason} alone", do))


def _clip(path: Path, root: Path, data_dir: Path) -> Clip:
    label, *inside = path.relative_to(root).parts
    return Clip(
        path=path.relative_to(data_dir).as_posix(),
        corpus="folder",
        speaker=readable(inside[0]) if len(inside) > 1 else UNKNOWN_SPEAKER,
        gender="",
        emotion=readable(label),
        statement="",
        intensity="",
        repetition="",
        sha256=digest(path),
    )
