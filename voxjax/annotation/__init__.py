"""Files of given segments. A new format is a file here and a row in `SEGMENT_FILES`."""

from pathlib import Path, PurePath

from voxjax.annotation import audformat, csv_table, decoding, eaf, rttm, textgrid
from voxjax.annotation.base import Recordings, SegmentFile, SegmentText
from voxjax.annotation.spans import Span
from voxjax.errors import VoxJaxError, mismatch
from voxjax.names import normalised
from voxjax.storage.paths import AnyPath, locate, reaching
from voxjax.storage.safe_text import readable

__all__ = ["SEGMENT_FILES", "SegmentFile", "of_recording", "read"]

SEGMENT_FILES: dict[str, SegmentFile] = {  # the first that recognises a file reads it
    "textgrid": textgrid.FORMAT,
    "eaf": eaf.FORMAT,
    "rttm": rttm.FORMAT,
    "audformat": audformat.FORMAT,
    "csv": SegmentFile((".csv", ".tsv", ".txt"), csv_table.recognises, csv_table.read),
}
_MOST_BYTES = 2**26
_HEAD_CHARACTERS = 10_000


def read(path: str | AnyPath, tier: str = "") -> Recordings:
    """The segments of a file: CSV, a Praat TextGrid, ELAN's EAF, RTTM or audformat's segmented index.

    Args:
        path: the format is chosen by the content, and where that decides nothing by the suffix.
        tier: of a TextGrid or EAF file, "" for the only one; the label of each interval becomes the column "label".

    Returns:
        Spans by the name of their recording as the file writes it, in the order of the file; by "" where it names
        none. They may overlap. An end that audformat leaves open is infinite: the end of the recording.

    Raises:
        VoxJaxError: at a file that is missing, empty, no text, too large or broken: one line with the file's line.
    """
    place = locate(path)
    content = _content(place, str(path), tier)
    head = content.text[:_HEAD_CHARACTERS]
    formats = SEGMENT_FILES.values()
    chosen = next((one for one in formats if one.recognises(head)), None)
    chosen = chosen or next((one for one in formats if place.suffix.lower() in one.suffixes), SEGMENT_FILES["csv"])
    if tier and chosen not in (textgrid.FORMAT, eaf.FORMAT):
        do = "leave out --tier, or give a TextGrid or EAF file"
        raise VoxJaxError(mismatch(str(path), f"a file with the tier '{tier}'", "a file without tiers", do))
    return chosen.read(content)


def of_recording(segments: Recordings, path: str | AnyPath) -> list[Span]:
    """The spans of one recording; none where the file names recordings and this one is not among them.

    A recording is named by its path, or the end of it from a folder on, with or without the suffix; a blank may be
    written as an underscore, since RTTM has no blanks in names. Where several names fit, the longest counts.

    Args:
        segments: as `read` gives them.
        path: of the recording.
    """
    if set(segments) == {""}:
        return segments[""]
    place = locate(path)
    own = _parts(readable(str(place.absolute() if isinstance(place, Path) else place)))
    fitting = [name for name in segments if _ends_with(own, _parts(name))]
    return segments[max(fitting, key=lambda name: (len(_parts(name)), PurePath(name).suffix))] if fitting else []


def _parts(name: str) -> tuple[str, ...]:
    """Folders and file of a name, in one form of Unicode and without blanks."""
    text = "_".join(normalised(name).replace("\\", "/").split())
    return tuple(part for part in text.split("/") if part not in ("", "."))


def _ends_with(path: tuple[str, ...], name: tuple[str, ...]) -> bool:
    """Whether the path of a recording ends with this name, with or without its suffix."""
    end = path[-len(name) :]
    return bool(name) and (end == name or (*end[:-1], PurePath(end[-1]).stem) == name)


def _content(place: AnyPath, name: str, tier: str) -> SegmentText:
    try:
        with reaching(place), place.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        found = "a folder" if isinstance(error, IsADirectoryError) else error.strerror or str(error)
        raise VoxJaxError(mismatch(name, "a file of segments", found, "check the path")) from error
    if len(data) > _MOST_BYTES:
        found = f"more than {_MOST_BYTES // 2**20} MiB"
        raise VoxJaxError(mismatch(name, "a file of segments", found, "check that it is one, or divide it"))
    return SegmentText(name, data, decoding.decoded(name, data), tier)
