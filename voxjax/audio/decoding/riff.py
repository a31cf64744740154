"""WAV (RIFF, RIFX with its bytes in the other order, RF64, BW64): the sound by content, whatever its header states.

Programs that write into a pipe leave sizes of 0 or the largest number; recorders that lost power leave those of
their last save. The sound is given to libsndfile with a header of right sizes and nothing else.
"""

from typing import Literal, NamedTuple

from voxjax.audio.decoding import mpeg
from voxjax.audio.decoding.byte_source import ByteSource, Range, Stream
from voxjax.audio.decoding.declared_sizes import check_rest, declared_end
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch

Order = Literal["little", "big"]

SIGNATURES = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_LARGEST = 0xFFFF_FFFF
LONGEST_FORMAT = 4_096  # bytes
_AGAIN = "copy or record the file again"
_MPEG = (0x50, 0x55)
_GSM = 0x31
_GSM_BLOCK_BYTES, _GSM_BLOCK_SAMPLES = 65, 320
_EXTENSIBLE = 0xFFFE
_UNREADABLE = {  # format tags
    0xFF: "AAC",
    0x1600: "AAC",
    0x1610: "AAC",
    0x160: "Windows Media",
    0x161: "Windows Media",
    0x162: "Windows Media",
    0x163: "Windows Media",
    0x270: "ATRAC3",
    0x2000: "AC-3",
    0x2001: "DTS",
}


class _Chunk(NamedTuple):
    name: bytes
    start: int  # of its content
    size: int  # as declared


def streams(source: ByteSource, start: int, name: str) -> list[Stream]:
    """The sounds of one WAV file, or of several that were joined.

    Raises:
        AudioError: at sound that was cut off, that no chunk declares, or whose codec is not read.
    """
    found: list[Stream] = []
    position = start
    while source.at(position, 4) in SIGNATURES:
        some, position = _one(source, position, name)
        found += some
    return found


def _one(source: ByteSource, start: int, name: str) -> tuple[list[Stream], int]:
    """The streams of the WAV file at `start`, and the place after it."""
    order: Order = "big" if source.at(start, 4) == b"RIFX" else "little"
    form = source.at(start + 8, 4)
    if form != b"WAVE":
        do = "convert it: ffmpeg -i FILE OUT.wav"
        raise AudioError(mismatch(name, "a RIFF file of the form WAVE", form.decode("ascii", "replace").strip(), do))
    fmt, contents, position, long_size = b"", [], start + 12, 0
    while (chunk := _chunk(source, position, order)) is not None:
        end = chunk.start + chunk.size
        if chunk.name == b"fmt ":
            fmt = source.at(chunk.start, min(chunk.size, LONGEST_FORMAT))
        elif chunk.name == b"ds64":  # sizes that need more than 32 bits; -1 is a pipe's
            long_size = int.from_bytes(source.at(chunk.start + 8, 8), "little", signed=True)
        elif chunk.name == b"data":
            if chunk.size == _LARGEST and long_size > 0:
                chunk = chunk._replace(size=long_size)
            end = _sound_end(source, chunk, order, name)
            contents.append(Range(chunk.start, end))
        padded = (end - start) % 2 == 1 and _chunk(source, end, order) is None
        position = end + padded
    if not fmt or not contents:
        found = "no 'fmt ' chunk" if contents else "no 'data' chunk"
        raise AudioError(mismatch(name, "a WAV file with a format and sound", found, _AGAIN))
    check_rest(source, position, name)
    return [one for sound in contents for one in sound_streams(source, sound, fmt, order, name)], position


def _chunk(source: ByteSource, start: int, order: Order) -> _Chunk | None:
    """The chunk at `start`; None at the end, at the next file, and at bytes that are no chunk."""
    head = source.at(start, 8)
    fourcc, size = head[:4], int.from_bytes(head[4:], order)
    if len(head) < 8 or fourcc in SIGNATURES or not fourcc.isascii() or not fourcc.decode("ascii").isprintable():
        return None
    fits = start + 8 + size <= source.size
    return _Chunk(fourcc, start + 8, size) if fits or fourcc == b"data" else None


def _sound_end(source: ByteSource, chunk: _Chunk, order: Order, name: str) -> int:
    """Where the content of a 'data' chunk ends."""
    if chunk.size == 0 and _chunk(source, chunk.start, order) is None:
        return source.size
    return declared_end(source, chunk.start, chunk.size, name)


def sound_streams(source: ByteSource, sound: Range, fmt: bytes, order: Order, name: str) -> list[Stream]:
    """The sound of one 'data' chunk under a header of right sizes; MPEG audio without any.

    Args:
        source: the file.
        sound: the content of the chunk.
        fmt: the content of the chunk 'fmt '.
        order: of its bytes.
        name: for messages.

    Raises:
        AudioError: at a codec that is not read.
    """
    tag = int.from_bytes(fmt[:2], order)
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(fmt[24:26], order)
    if tag in _MPEG:
        return mpeg.streams(source, sound.start, sound.end, name)
    if tag in _UNREADABLE:
        raise AudioError(mismatch(name, "WAV with samples", _UNREADABLE[tag], "convert it: ffmpeg -i FILE OUT.wav"))
    size = sound.end - sound.start
    inner = b"WAVEfmt " + len(fmt).to_bytes(4, order) + fmt + bytes(len(fmt) % 2) + b"data" + size.to_bytes(4, order)
    riff = b"RIFF" if order == "little" else b"RIFX"
    header = riff + min(len(inner) + size, _LARGEST).to_bytes(4, order) + inner
    # libsndfile takes the byte that pads an odd number of blocks for one more block
    most = size // _GSM_BLOCK_BYTES * _GSM_BLOCK_SAMPLES if tag == _GSM else None
    return [Stream([header, sound], most=most)]
