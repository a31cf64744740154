"""A user's own recordings: one subfolder per label."""

from pathlib import Path

from voxjax.audio import io
from voxjax.data.manifest import UNKNOWN_SPEAKER, Clip, digest
from voxjax.errors import VoxJaxError, mismatch

NOTE = "Own recordings: their licence and the speakers' consent are the user's to state."


def find(data_dir: Path) -> list[Clip]:
    """Clips of `data_dir/folder/LABEL/…`, or where there is no such folder, of `data_dir/LABEL/…`.

    A subfolder of a label is a speaker: `LABEL/SPEAKER/clip.wav`. Without one the speaker is "unknown", and protocols
    by speaker raise an error.

    Raises:
        VoxJaxError: with fewer than two labels.
    """
    root = data_dir / "folder" if (data_dir / "folder").is_dir() else data_dir
    labels = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    clips = [_clip(path, label, data_dir) for label in labels for path in _audio_files(label)]
    if len({clip.emotion for clip in clips}) < 2:
        found = f"{len(clips)} clips of {len({clip.emotion for clip in clips})} label(s)"
        do = "make one subfolder per label and put its clips there"
        raise VoxJaxError(mismatch(str(root), "sound files in at least two subfolders", found, do))
    return clips


def _audio_files(label: Path) -> list[Path]:
    return sorted(filter(io.is_sound, label.rglob("*")))


def _clip(path: Path, label: Path, data_dir: Path) -> Clip:
    inside = path.relative_to(label).parts
    return Clip(
        path=path.relative_to(data_dir).as_posix(),
        corpus="folder",
        speaker=inside[0] if len(inside) > 1 else UNKNOWN_SPEAKER,
        gender="",
        emotion=label.name,
        statement="",
        intensity="",
        repetition="",
        sha256=digest(path),
    )
