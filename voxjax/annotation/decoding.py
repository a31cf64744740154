"""The text of a file in the encodings that Praat, ELAN, Excel and diarisers write."""

import codecs
import re

from voxjax.errors import VoxJaxError, mismatch

_MARKS = (  # longest first, as UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_DO = "save it as text in UTF-8"


def decoded(name: str, data: bytes) -> str:
    """The text of a file: in the encoding of its byte-order mark, else UTF-8, else Praat's older ISO Latin-1.

    Line ends are as on Unix.

    Args:
        name: of the file, for messages.
        data: its bytes.

    Raises:
        VoxJaxError: at an empty file, at bytes that are no text, and at a Latin-1 file that is no TextGrid, whose
            encoding can't be known.
    """
    if not data.strip():
        raise VoxJaxError(mismatch(name, "segments", "an empty file", "write it again"))
    if data.startswith(b"ooBinaryFile"):
        do = "open it in Praat and save it with Save as text file"
        raise VoxJaxError(mismatch(name, "a TextGrid as text", "a binary TextGrid", do))
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        text = _latin(name, data, encoding, error)
    if binary := _BINARY.search(text):
        line = text.count("\n", 0, binary.start()) + 1
        found = f"the character U+{ord(binary[0]):04X}: a binary file, or UTF-16 without a byte-order mark"
        raise VoxJaxError(mismatch(f"{name}, line {line}", "a text file", found, _DO))
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _latin(name: str, data: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    """A TextGrid in Latin-1, which Praat reads and writes too."""
    if encoding == "utf-8" and b"ooTextFile" in data[:100]:
        return data.decode("latin-1")
    line = data.count(b"\n", 0, error.start) + 1
    found = f"bytes that are not {encoding.removesuffix('-sig').upper()}"
    raise VoxJaxError(mismatch(f"{name}, line {line}", "a text file", found, _DO)) from error
