"""Tags around a sound: ID3v2 before it; ID3v1, ID3v2, APE and zeros after it."""

from voxjax.audio.decoding.byte_source import ByteSource

_ID3V1_BYTES = 128
_ID3V2_BYTES = 10  # of its header, and of its footer
_APE_BYTES = 32  # of its header, and of its footer
_READ_BYTES = 2**16
_FEWEST_ZEROS = 16
_HAS_FOOTER = 0x10
_HAS_APE_HEADER = 1 << 31


def start_of_sound(source: ByteSource) -> int:
    """The place after ID3v2 tags; 0 where one claims to be longer than the file."""
    start = 0
    while size := id3v2_size(source.at(start, _ID3V2_BYTES)):
        start += size
    return start if start < source.size else 0


def end_of_sound(source: ByteSource, start: int, end: int) -> int:
    """The place before the tags that end at `end`, not before `start`."""
    while True:
        sizes = (_id3v1_size, _ape_size, _id3v2_size_at_end, _zeros)
        size = next(filter(None, (of(source, end) for of in sizes)), 0)
        if not size or end - size < start:
            return end
        end -= size


def id3v2_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag with this header, 0 where it is none."""
    if not head.startswith(b"ID3") or len(head) < _ID3V2_BYTES:
        return 0
    footer = _ID3V2_BYTES if head[5] & _HAS_FOOTER else 0
    return _ID3V2_BYTES + _synchsafe(head[6:10]) + footer


def _synchsafe(data: bytes) -> int:
    """A number of 7 bits a byte."""
    return sum((byte & 0x7F) << shift for byte, shift in zip(data, (21, 14, 7, 0), strict=True))


def _id3v1_size(source: ByteSource, end: int) -> int:
    return _ID3V1_BYTES if source.at(max(0, end - _ID3V1_BYTES), 3) == b"TAG" else 0


def _ape_size(source: ByteSource, end: int) -> int:
    footer = source.at(max(0, end - _APE_BYTES), _APE_BYTES)
    if not footer.startswith(b"APETAGEX"):
        return 0
    size, flags = (int.from_bytes(footer[i : i + 4], "little") for i in (12, 20))
    return size + (_APE_BYTES if flags & _HAS_APE_HEADER else 0)


def _id3v2_size_at_end(source: ByteSource, end: int) -> int:
    footer = source.at(max(0, end - _ID3V2_BYTES), _ID3V2_BYTES)
    if not footer.startswith(b"3DI") or len(footer) < _ID3V2_BYTES:
        return 0
    return 2 * _ID3V2_BYTES + _synchsafe(footer[6:10])


def _zeros(source: ByteSource, end: int) -> int:
    """Zeros that fill up a block or a sector; a few may belong to the sound."""
    last = source.at(max(0, end - _READ_BYTES), min(end, _READ_BYTES))
    count = len(last) - len(last.rstrip(b"\0"))
    return count if count >= _FEWEST_ZEROS else 0
