"""Wave64 (W64): chunks as in WAV, with names of 16 bytes and sizes of 64 bits."""

from voxjax.audio.decoding import riff
from voxjax.audio.decoding.byte_source import ByteSource, Range, Stream
from voxjax.audio.decoding.declared_sizes import check_rest, declared_end
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch

SIGNATURE = b"riff\x2e\x91\xcf\x11"
_HEAD_BYTES = 24  # a name and a size, which counts them
_RIFF_BYTES = 40  # and the name "wave"
_UNKNOWN_BYTES = 2**62  # sizes from here on, and none, are a pipe's placeholder


def streams(source: ByteSource, start: int, name: str) -> list[Stream]:
    """The sounds of one Wave64 file, or of several that were joined.

    Raises:
        AudioError: at sound that was cut off or that no chunk declares.
    """
    found: list[Stream] = []
    fmt, position = b"", start
    while len(head := source.at(position, _HEAD_BYTES)) == _HEAD_BYTES:
        chunk, size = head[:4], int.from_bytes(head[16:], "little") - _HEAD_BYTES
        if chunk == b"riff":
            position += _RIFF_BYTES
            continue
        if not chunk.isascii() or not chunk.strip().isalnum():
            break
        if chunk == b"data" and not 0 < size < _UNKNOWN_BYTES:
            size = source.size - position - _HEAD_BYTES
        end = position + _HEAD_BYTES + max(0, size)
        if chunk == b"fmt ":
            fmt = source.at(position + _HEAD_BYTES, min(size, riff.LONGEST_FORMAT))
        elif chunk == b"data":
            end = declared_end(source, position + _HEAD_BYTES, size, name)
            found += riff.sound_streams(source, Range(position + _HEAD_BYTES, end), fmt, "little", name)
        position = end + (start - end) % 8
    check_rest(source, position, name)
    if not found:
        expected = "a Wave64 file with a format and sound"
        raise AudioError(mismatch(name, expected, "no 'data' chunk", "copy or record it again"))
    return found
