"""RAVDESS: 24 actors, two sentences, eight emotions (Livingstone and Russo 2018, PLoS ONE 13(5): e0196391)."""

import re
from pathlib import Path

from voxjax.data.corpora import file_names
from voxjax.data.manifest import Clip

NOTE = (
    "RAVDESS: Livingstone & Russo 2018, PLoS ONE 13(5): e0196391; licence CC BY-NC-SA 4.0 "
    "(credit it, non-commercial use, share alike)."
)

_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_INTENSITIES = ("normal", "strong")
_STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")
# modality (03 audio), channel (01 speech, 02 song), emotion, intensity, statement, repetition, actor
_NAME = re.compile(r"03-(01|02)-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
_SPEECH = file_names.Naming("ravdess", _NAME, "03-01-05-01-02-01-12.wav")
_SONG = file_names.Naming("ravdess_song", _NAME, "03-02-05-01-02-01-12.wav")


def find(data_dir: Path) -> list[Clip]:
    """All 1,440 speech clips of `data_dir/ravdess/Actor_NN/`, as WAV or FLAC; song is left out.

    Raises:
        VoxJaxError: without any, at names that are not RAVDESS's, or at a clip that is there twice.
    """
    return _channel(data_dir, data_dir / "ravdess", "01", _SPEECH)


def find_song(data_dir: Path) -> list[Clip]:
    """All 1,012 song clips of `data_dir/ravdess_song/`, or of `data_dir/ravdess/`: 23 actors, 6 emotions.

    Raises:
        VoxJaxError: as `find`.
    """
    own = data_dir / "ravdess_song"
    return _channel(data_dir, own if own.is_dir() else data_dir / "ravdess", "02", _SONG)


def emotion(stem: str) -> str:
    """The emotion in a file name by this corpus's code, such as "angry" for "03-01-05-01-02-01-12"; else ""."""
    parts = _NAME.fullmatch(stem)
    return _EMOTIONS[int(parts.group(2)) - 1] if parts else ""


def _channel(data_dir: Path, folder: Path, channel: str, naming: file_names.Naming) -> list[Clip]:
    files = file_names.audio_files(folder)
    file_names.check_all_recognised(folder, [path for path in files if not _NAME.fullmatch(path.stem)], naming)
    wanted = [path for path in files if path.stem.split("-")[1] == channel]
    recordings = file_names.recordings(folder, wanted, naming)
    file_names.check_unique(naming.corpus, folder, [(one.path.stem, one.path) for one in recordings])
    return [_clip(data_dir, one, naming.corpus) for one in recordings]


def _clip(data_dir: Path, one: file_names.Recording, corpus: str) -> Clip:
    _, emotion, intensity, statement, repetition, actor = map(int, one.fields.groups())
    return file_names.clip(
        data_dir,
        one.path,
        corpus,
        speaker=f"Actor_{actor:02d}",
        gender="male" if actor % 2 else "female",
        emotion=_EMOTIONS[emotion - 1],
        statement=_STATEMENTS[statement - 1],
        text=_STATEMENTS[statement - 1],
        intensity=_INTENSITIES[intensity - 1],
        repetition=str(repetition),
    )
