"""Files that libsndfile does not read, recognised by their first bytes: FFmpeg's demuxer, or what to do about each."""

from typing import NamedTuple

from voxjax.audio.decoding.byte_source import ByteSource
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch


class Kind(NamedTuple):
    """A kind of file."""

    place: int  # of its signature, in bytes
    signature: bytes
    name: str  # what it is
    do: str  # what to do about it
    demuxer: str = ""  # FFmpeg's; "" where the file holds no sound that may be read


CONVERT = "convert it: ffmpeg -i FILE OUT.wav"
_FETCH = "fetch the sound itself"
_UNPROTECTED = "buy or record it without protection"
_AAC, _MPEG4, _QUICKTIME = "AAC", "MPEG-4 (.m4a, .mp4), mostly AAC", "QuickTime (.mov)"
# The first that fits counts. A new kind is a row.
_KINDS = (
    Kind(0, b"version https://git-lfs.github.com/spec/", "a Git LFS pointer", "fetch the file: git lfs pull"),
    Kind(0, b"/annex/objects/", "a git-annex pointer", "fetch the file: git annex get FILE"),
    Kind(4, b"ftypM4P ", "copy-protected AAC (.m4p)", _UNPROTECTED),
    Kind(4, b"ftypaax", "a copy-protected audio book (.aax)", _UNPROTECTED),
    Kind(4, b"ftypqt  ", _QUICKTIME, CONVERT, "mov"),
    Kind(4, b"ftyp", _MPEG4, CONVERT, "mov"),
    Kind(4, b"styp", _MPEG4, CONVERT, "mov"),
    Kind(4, b"moov", _QUICKTIME, CONVERT, "mov"),
    Kind(4, b"mdat", _QUICKTIME, CONVERT, "mov"),
    Kind(4, b"wide", _QUICKTIME, CONVERT, "mov"),
    Kind(4, b"free", _QUICKTIME, CONVERT, "mov"),
    Kind(4, b"skip", _QUICKTIME, CONVERT, "mov"),
    Kind(0, b"\xff\xf1", _AAC, CONVERT, "aac"),
    Kind(0, b"\xff\xf9", _AAC, CONVERT, "aac"),
    Kind(0, b"\xff\xf0", _AAC, CONVERT, "aac"),
    Kind(0, b"\xff\xf8", _AAC, CONVERT, "aac"),
    Kind(0, b"ADIF", _AAC, CONVERT, "aac"),
    Kind(0, b"#!AMR", "AMR", CONVERT, "amr"),
    Kind(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (.wma, .wmv, .asf)", CONVERT, "asf"),
    Kind(0, b"\x1a\x45\xdf\xa3", "Matroska or WebM", CONVERT, "matroska"),
    Kind(8, b"AVI LIST", "AVI video", CONVERT, "avi"),
    Kind(0, b"\0\0\1\xba", "MPEG video (.mpg, .vob)", CONVERT, "mpeg"),
    Kind(0, b".ra\xfd", "RealAudio", CONVERT, "rm"),
    Kind(0, b".RMF", "RealMedia", CONVERT, "rm"),
    Kind(0, b"wvpk", "WavPack", CONVERT, "wv"),
    Kind(0, b"MAC ", "Monkey's Audio", CONVERT, "ape"),
    Kind(0, b"TTA1", "True Audio", CONVERT, "tta"),
    Kind(0, b"FLV\x01", "Flash video", CONVERT, "flv"),
    Kind(0, b"DSD ", "DSD", CONVERT, "dsf"),
    Kind(0, b"FRM8", "DSD", CONVERT, "iff"),
    Kind(0, b"\x0b\x77", "AC-3", CONVERT, "ac3"),
    Kind(0, b"MThd", "MIDI: notes and no sound", "render it to a sound file"),
    Kind(0, b"PK\x03\x04", "a ZIP archive", "unpack it"),
    Kind(0, b"\x1f\x8b", "a gzip archive", "unpack it"),
    Kind(0, b"BZh", "a bzip2 archive", "unpack it"),
    Kind(0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    Kind(0, b"Rar!", "a RAR archive", "unpack it"),
    Kind(0, b"%PDF", "a PDF", _FETCH),
    Kind(0, b"\x89PNG", "a picture", _FETCH),
    Kind(0, b"\xff\xd8\xff", "a picture", _FETCH),
    Kind(0, b"GIF8", "a picture", _FETCH),
)
_TRANSPORT = Kind(0, b"\x47", "MPEG transport stream (.mts, .m2ts)", CONVERT, "mpegts")
_TRANSPORT_PACKETS = ((0, 188), (4, 192))  # place of the signature and bytes of a packet
_TRANSPORT_RUN = 3  # packets by which it is recognised
_SOUND_IN_TEXT = (b"NIST_1A", b"PVF1")  # their headers are text
_HEAD_BYTES = 512


def find(source: ByteSource, start: int) -> Kind | None:
    """The kind of a file whose signature is at `start`; None for text and where none is known."""
    head = source.at(start, 2 * _HEAD_BYTES)
    for kind in _KINDS:
        if head[kind.place :].startswith(kind.signature):
            return kind
    for first, step in _TRANSPORT_PACKETS:
        places = range(first, first + step * _TRANSPORT_RUN, step)
        if head[places[-1] : places[-1] + 1] and all(head[place] == _TRANSPORT.signature[0] for place in places):
            return _TRANSPORT
    return None


def check(source: ByteSource, start: int, name: str) -> None:
    """Refuses a file of a kind that is known and not read.

    Args:
        source: the file.
        start: place of its signature.
        name: for the message.

    Raises:
        AudioError: with the kind and what to do.
    """
    if kind := find(source, start):
        raise AudioError(mismatch(name, "a sound file", kind.name, kind.do))
    if text := _text(source.at(start, _HEAD_BYTES)):
        do = "fetch the sound itself; its place may hold an error message"
        raise AudioError(mismatch(name, "a sound file", text, do))


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
