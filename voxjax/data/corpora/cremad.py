"""CREMA-D: 91 actors, 12 sentences, six emotions, listeners' votes (Cao et al. 2014, IEEE TAFFC 5(4): 377-390)."""

import csv
import re
from pathlib import Path

from voxjax.data.corpora import file_names
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError, mismatch

NOTE = (
    "CREMA-D: Cao et al. 2014, IEEE Transactions on Affective Computing 5(4): 377-390; "
    "Open Database License (ODbL) 1.0, contents DbCL 1.0."
)

_EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_VOTES = {code[0]: emotion for code, emotion in _EMOTIONS.items()}  # A D F H N S, columns of the table of votes
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}  # one file ends in X: 1040_ITH_SAD_X.wav
_STATEMENTS = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
# Actors who are women, by VideoDemographics.csv; the other 48 are men.
_WOMEN = (
    1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025,
    1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060,
    1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091,
)  # fmt: skip
_NAMING = file_names.Naming(
    "cremad",
    re.compile(
        rf"(10(?:0[1-9]|[1-8]\d|9[01]))_({'|'.join(_STATEMENTS)})_({'|'.join(_EMOTIONS)})_({'|'.join(_LEVELS)})"
    ),
    "1001_DFA_ANG_XX.wav",
)
_TABLE = "processedResults/tabulatedVotes.csv"
_VOICE_ONLY = "1"  # first digit of a row's number: votes on the voice only


def find(data_dir: Path) -> list[Clip]:
    """All 7,442 clips of `data_dir/cremad/AudioWAV/`.

    With `processedResults/tabulatedVotes.csv`, each clip has the votes of listeners on the voice alone.

    Raises:
        VoxJaxError: without any, at names that are not CREMA-D's, at a clip that is there twice, or at a
            table of votes with other columns.
    """
    folder = data_dir / "cremad"
    wav = folder / "AudioWAV"
    place = wav if wav.is_dir() else folder
    recordings = file_names.recordings(place, file_names.audio_files(place), _NAMING)
    file_names.check_unique("cremad", place, [(one.path.stem, one.path) for one in recordings])
    votes = _votes(folder / _TABLE)
    return [_clip(data_dir, one, votes) for one in recordings]


def _clip(data_dir: Path, one: file_names.Recording, votes: dict[str, str]) -> Clip:
    actor, statement, emotion, level = one.fields.groups()
    about = {
        "gender": "female" if int(actor) in _WOMEN else "male",
        "statement": _STATEMENTS[statement],
        "intensity": _LEVELS[level],
        "votes": votes[one.path.stem] if one.path.stem in votes else "",
    }
    return file_names.clip(data_dir, one.path, "cremad", actor, _EMOTIONS[emotion], **about)


def _votes(path: Path) -> dict[str, str]:
    """Listeners' votes on each clip's voice, as `angry=7 neutral=2`; empty without a table."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or []
        if not {*_VOTES, "fileName"} <= set(columns):
            found, do = ", ".join(columns[:12]), "fetch the table again"
            raise VoxJaxError(mismatch(str(path), "columns A D F H N S fileName", found, do))
        return {row["fileName"]: _counted(row) for row in rows if row[columns[0]].startswith(_VOICE_ONLY)}


def _counted(row: dict[str, str]) -> str:
    counts = {emotion: int(float(row[letter] or 0)) for letter, emotion in _VOTES.items()}
    return " ".join(f"{emotion}={count}" for emotion, count in counts.items() if count)
