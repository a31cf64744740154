"""Files that are not read, recognised by their first bytes, and what to do about each."""

from voxjax.audio.decoding.byte_source import ByteSource
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch

_CONVERT = "convert it: ffmpeg -i FILE OUT.wav"
_FETCH = "fetch the sound itself"
# (place, bytes, what it is, what to do); the first that fits counts. A new kind is a row.
_KINDS = (
    (0, b"version https://git-lfs.github.com/spec/", "a Git LFS pointer", "fetch the file: git lfs pull"),
    (0, b"/annex/objects/", "a git-annex pointer", "fetch the file: git annex get FILE"),
    (4, b"ftypM4P ", "copy-protected AAC (.m4p)", "buy or record it without protection"),
    (4, b"ftypaax", "a copy-protected audio book (.aax)", "buy or record it without protection"),
    (4, b"ftyp", "MPEG-4 (.m4a, .mp4), mostly AAC", _CONVERT),
    (0, b"\xff\xf1", "AAC", _CONVERT),
    (0, b"\xff\xf9", "AAC", _CONVERT),
    (0, b"\xff\xf0", "AAC", _CONVERT),
    (0, b"\xff\xf8", "AAC", _CONVERT),
    (0, b"ADIF", "AAC", _CONVERT),
    (0, b"#!AMR", "AMR", _CONVERT),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (.wma, .wmv, .asf)", _CONVERT),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM", _CONVERT),
    (0, b".ra\xfd", "RealAudio", _CONVERT),
    (0, b".RMF", "RealMedia", _CONVERT),
    (0, b"wvpk", "WavPack", _CONVERT),
    (0, b"MAC ", "Monkey's Audio", _CONVERT),
    (0, b"TTA1", "True Audio", _CONVERT),
    (0, b"FLV\x01", "Flash video", _CONVERT),
    (0, b"DSD ", "DSD", _CONVERT),
    (0, b"FRM8", "DSD", _CONVERT),
    (0, b"\x0b\x77", "AC-3", _CONVERT),
    (0, b"MThd", "MIDI: notes and no sound", "render it to a sound file"),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it"),
    (0, b"BZh", "a bzip2 archive", "unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (0, b"Rar!", "a RAR archive", "unpack it"),
    (0, b"%PDF", "a PDF", _FETCH),
    (0, b"\x89PNG", "a picture", _FETCH),
    (0, b"\xff\xd8\xff", "a picture", _FETCH),
    (0, b"GIF8", "a picture", _FETCH),
)
_SOUND_IN_TEXT = (b"NIST_1A", b"PVF1")  # their headers are text
_HEAD_BYTES = 512


def check(source: ByteSource, start: int, name: str) -> None:
    """Refuses a file of a kind that is known and not read.

    Args:
        source: the file.
        start: place of its signature.
        name: for the message.

    Raises:
        AudioError: with the kind and what to do.
    """
    head = source.at(start, _HEAD_BYTES)
    for place, signature, kind, do in _KINDS:
        if head[place:].startswith(signature):
            raise AudioError(mismatch(name, "a sound file", kind, do))
    if kind := _text(head):
        do = "fetch the sound itself; its place may hold an error message"
        raise AudioError(mismatch(name, "a sound file", kind, do))


def _text(head: bytes) -> str:
    """What kind of text a file begins with; "" if it is not text."""
    if head.startswith(_SOUND_IN_TEXT):
        return ""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = head[: len(head) // 2 * 2].decode(encoding) if encoding == "utf-16" else _utf8(head)
    except UnicodeDecodeError:
        return ""
    if not text.strip() or any(not letter.isprintable() and letter not in "\t\r\n\f" for letter in text):
        return ""
    begin = text.lstrip().lower()
    if begin.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "text, a web page (HTML)"
    if begin.startswith("<"):
        return "text (XML or HTML)"
    return "text (JSON)" if begin.startswith(("{", "[")) else "text"


def _utf8(head: bytes) -> str:
    """UTF-8 text whose last letter may be cut off."""
    for cut in range(min(4, len(head))):
        try:
            return head[: len(head) - cut].decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if error.start < len(head) - 4:
                raise
    return head.decode("utf-8-sig")
