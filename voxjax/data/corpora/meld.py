"""MELD: turns of the series Friends, seven emotions (Poria et al. 2019, ACL, 527-536)."""

import re
from pathlib import Path
from typing import NamedTuple

from voxjax.audio import search
from voxjax.data.corpora import file_names, rows
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError, mismatch

NOTE = "MELD: Poria et al. 2019, ACL, 527-536; annotations GPL-3.0, audio from a television series: for research only."

_EMOTIONS = {
    "neutral": "neutral",
    "joy": "happy",
    "surprise": "surprised",
    "anger": "angry",
    "sadness": "sad",
    "disgust": "disgust",
    "fear": "fearful",
}
_GENDERS = {
    **dict.fromkeys(("Rachel", "Monica", "Phoebe"), "female"),
    **dict.fromkeys(("Ross", "Joey", "Chandler"), "male"),
}


class _Part(NamedTuple):
    table: str
    folders: tuple[str, ...]  # names in the archive and in paths
    unusable: tuple[str, ...]  # broken or absent in the published archive


_PARTS = (
    _Part("train_sent_emo.csv", ("train_splits", "train"), ("dia125_utt3",)),
    _Part("dev_sent_emo.csv", ("dev_splits_complete", "dev"), ("dia110_utt7",)),
    _Part("test_sent_emo.csv", ("output_repeated_splits_test", "test"), ()),
)
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
_NAMING = file_names.Naming("meld", re.compile(r"(?:final_videos_test)?dia\d+_utt\d+"), "train/dia0_utt3.wav")
_EXTRACT = "extract each video's sound, as ffmpeg -i train_splits/dia0_utt3.mp4 -ac 1 -ar 16000 train/dia0_utt3.wav"


def find(data_dir: Path) -> list[Clip]:
    """The turns of `data_dir/meld/*_sent_emo.csv` with audio in `train/`, `dev/` and `test/`.

    The tables hold 9,989, 1,109 and 2,610 turns. Two recordings of the published archive are unusable and
    are left out where they are missing: dia125_utt3 of train and dia110_utt7 of dev.

    Raises:
        VoxJaxError: without the tables, at turns without a file, at files of other names, or at another emotion.
    """
    folder = data_dir / "meld"
    listed = search.all_files(folder)
    tables = [path for part in _PARTS for path in listed if path.name == part.table]
    if not tables:
        do = f"put the tables and the extracted sound into {folder}"
        raise VoxJaxError(mismatch("meld", "tables *_sent_emo.csv", f"none in {folder}", do))
    parts = {part.table: part for part in _PARTS}
    folders = sorted({parent for path in listed for parent in path.parents if parent.is_relative_to(folder)})
    return [clip for path in tables for clip in _part(data_dir, folders, path, parts[path.name])]


def _part(data_dir: Path, folders: list[Path], table: Path, part: _Part) -> list[Clip]:
    turns = rows.read(table, ",", _COLUMNS, "meld")
    own = [path for path in folders if path.name in part.folders]
    files = {path.stem: path for folder in own for path in file_names.audio_files(folder)}
    file_names.recordings(data_dir / "meld", files.values(), _NAMING)
    names = [f"dia{row.values['Dialogue_ID']}_utt{row.values['Utterance_ID']}" for row in turns]
    if absent := [name for name in names if name not in files and name not in part.unusable]:
        raise file_names.missing(f"meld, {part.folders[-1]}", absent, _EXTRACT)
    return [_clip(data_dir, files[name], table, row) for name, row in zip(names, turns, strict=True) if name in files]


def _clip(data_dir: Path, path: Path, table: Path, row: rows.Row) -> Clip:
    emotion, speaker = row.values["Emotion"], row.values["Speaker"]
    if emotion not in _EMOTIONS:
        expected = "one of " + ", ".join(_EMOTIONS)
        what = f"{table.name}, line {row.line}"
        raise VoxJaxError(mismatch(what, expected, f"'{emotion}'", "fetch the table again"))
    gender = _GENDERS[speaker] if speaker in _GENDERS else ""
    about = {"gender": gender, "statement": row.values["Utterance"], "text": row.values["Utterance"]}
    return file_names.clip(data_dir, path, "meld", speaker, _EMOTIONS[emotion], **about)
