"""nEMO: nine Polish actors, six emotions (Christop 2024, LREC-COLING, arXiv:2404.06292)."""

from pathlib import Path

from voxjax.data.corpora import file_names, rows
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError, mismatch

NOTE = (
    "nEMO: Christop 2024, nEMO: Dataset of Emotional Speech in Polish, LREC-COLING, arXiv:2404.06292; licence "
    "CC BY-NC-SA 4.0 (credit it, non-commercial use, share alike)."
)

_EMOTIONS = {
    "anger": "angry",
    "fear": "fearful",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprised",
}
_NAMING = file_names.Naming("nemo", rows.ANY_NAME, "samples/…wav, each named in data.tsv")
_COLUMNS = ("file_id", "emotion", "normalized_text", "speaker_id", "gender")


def find(data_dir: Path) -> list[Clip]:
    """All 4,481 clips of `data_dir/nemo/samples/`, by the table `data.tsv`.

    Raises:
        VoxJaxError: without the table, at rows without a file, at files without a row, or at another emotion.
    """
    folder = data_dir / "nemo"
    table = rows.read(folder / "data.tsv", "\t", _COLUMNS, "nemo")
    files = {path.stem: path for path in file_names.audio_files(folder)}
    named = {Path(row.values["file_id"]).stem: row for row in table}
    if absent := sorted(named.keys() - files.keys()):
        raise file_names.missing("nemo", absent, "fetch the corpus again")
    file_names.check_all_recognised(folder, [files[name] for name in sorted(files.keys() - named.keys())], _NAMING)
    return [_clip(data_dir, files[name], row) for name, row in named.items()]


def _clip(data_dir: Path, path: Path, row: rows.Row) -> Clip:
    emotion = row.values["emotion"]
    if emotion not in _EMOTIONS:
        expected = "one of " + ", ".join(_EMOTIONS)
        raise VoxJaxError(mismatch(f"data.tsv, line {row.line}", expected, f"'{emotion}'", "fetch the table again"))
    words = row.values["normalized_text"]
    about = {"gender": row.values["gender"], "statement": words, "text": words}
    return file_names.clip(data_dir, path, "nemo", row.values["speaker_id"], _EMOTIONS[emotion], **about)
