"""IEMOCAP: ten actors in five sessions, scripted and improvised dialogues (Busso et al. 2008, LREC 42: 335-359)."""

import re
from pathlib import Path
from typing import NamedTuple

from voxjax.audio import search
from voxjax.data.corpora import file_names
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError, mismatch

NOTE = (
    "IEMOCAP: Busso et al. 2008, Language Resources and Evaluation 42: 335-359; by agreement with the University "
    "of Southern California, for research."
)

_EMOTIONS = {
    "neu": "neutral",
    "hap": "happy",
    "exc": "excited",
    "sad": "sad",
    "ang": "angry",
    "fru": "frustrated",
    "fea": "fearful",
    "sur": "surprised",
    "dis": "disgust",
    "oth": "other",
    "xxx": "",  # annotators disagree: these turns are counted and left out
}
_TURN = re.compile(r"\[\d+\.\d+ - \d+\.\d+\]\t(Ses0[1-5][FM]_(?:impro|script)\w+_[FM]\w+)\t(\w{3})\t\[.*\]")
_GENDERS = {"F": "female", "M": "male"}


class _Turn(NamedTuple):
    path: Path
    name: str
    label: str


def find(data_dir: Path) -> list[Clip]:
    """The 10,039 turns of `data_dir/iemocap/**/Session1 … 5`, as their `EmoEvaluation/*.txt` label them.

    Raises:
        VoxJaxError: without any, at turns without a file, or at another label.
    """
    folder = data_dir / "iemocap"
    tables = [path for path in search.all_files(folder) if path.match("dialog/EmoEvaluation/Ses*.txt")]
    turns = [_Turn(_file(path, name), name, label) for path in tables for name, label in _labels(path)]
    if not turns:
        do = f"put its Session1 … Session5 folders into {folder}"
        raise VoxJaxError(mismatch("iemocap", "labelled turns in dialog/EmoEvaluation/*.txt", f"none in {folder}", do))
    if absent := [turn.name for turn in turns if not turn.path.is_file()]:
        raise file_names.missing("iemocap", absent, "unpack sentences/wav of each session")
    return [_clip(data_dir, turn) for turn in turns]


def _labels(table: Path) -> list[tuple[str, str]]:
    """Each turn of a dialogue and its label."""
    return _TURN.findall(table.read_text("utf-8", "replace"))


def _file(table: Path, turn: str) -> Path:
    session = table.parents[2]
    return session / "sentences" / "wav" / turn.rpartition("_")[0] / f"{turn}.wav"


def _clip(data_dir: Path, turn: _Turn) -> Clip:
    if turn.label not in _EMOTIONS:
        expected = "one of " + ", ".join(_EMOTIONS)
        raise VoxJaxError(mismatch(turn.name, expected, f"'{turn.label}'", "unpack the corpus again"))
    who = turn.name.rpartition("_")[2][0]  # the prefix is the actor with markers, the end of the name is the speaker
    about = {"speaker": f"{turn.name[:5]}{who}", "gender": _GENDERS[who]}
    return file_names.clip(data_dir, turn.path, "iemocap", emotion=_EMOTIONS[turn.label], **about)
