"""The size of the sound that a header declares, against the bytes that the file has."""

from voxjax.audio.decoding.byte_source import ByteSource, Range, Stream
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch

AU, CAF, NIST = b".snd", b"caff", b"NIST"
_UNKNOWN_BYTES = 0x7FFF_0000  # a declared size from here to 32 bits is a pipe's placeholder
_LARGEST = 0xFFFF_FFFF
_SLACK_BYTES = 100  # some writers include the header
_READ_BYTES = 2**16
_NIST_BYTES = 1_024  # of the header
_AGAIN = "copy or record the file again"


def declared_end(source: ByteSource, start: int, size: int, name: str) -> int:
    """Where sound of a declared size ends: where the file ends if the size is a placeholder.

    Raises:
        AudioError: where the file ends earlier.
    """
    there = source.size - start
    if size <= there:
        return start + size
    if _UNKNOWN_BYTES <= size <= _LARGEST or size <= there + _SLACK_BYTES:
        return source.size
    found = f"{max(0, there)} of them, it was cut off"
    raise AudioError(mismatch(name, f"{size} bytes of sound", found, _AGAIN))


def check_rest(source: ByteSource, start: int, name: str) -> None:
    """Checks that no sound lies after the declared one: there may be tags, text that was cut off, and zeros.

    Raises:
        AudioError: with the number of bytes.
    """
    head, count = source.at(start, 4), source.size - start
    if count <= _SLACK_BYTES or head.isalnum() or head[:3] in (b"ID3", b"TAG"):
        return
    if any(source.at(place, _READ_BYTES).strip(b"\0") for place in range(start, source.size, _READ_BYTES)):
        found = f"{count} bytes after it"
        raise AudioError(mismatch(name, "sound of the declared size", found, "correct its header, or " + _AGAIN))


def au(source: ByteSource, start: int, name: str) -> list[Stream]:
    """The one stream of an AU file.

    Raises:
        AudioError: at sound that was cut off or is not declared.
    """
    head = source.at(start, 12)
    offset, size = int.from_bytes(head[4:8]), int.from_bytes(head[8:])
    if not size:  # libsndfile knows the other placeholder
        return [Stream([head[:8] + _LARGEST.to_bytes(4), Range(start + len(head), source.size)])]
    return _one(source, start, declared_end(source, start + offset, size, name), name)


def caf(source: ByteSource, start: int, name: str) -> list[Stream]:
    """The one stream of a CAF file.

    Raises:
        AudioError: at sound that was cut off or is not declared.
    """
    end = start + 8
    while len(head := source.at(end, 12)) == 12 and head[:4] != CAF:
        size = int.from_bytes(head[4:], signed=True)
        if head[:4] == b"data" and size < 0:
            there = source.size - end - 12
            return [Stream([Range(start, end + 4), there.to_bytes(8), Range(end + 12, source.size)])]
        if head[:4] == b"data":
            end = declared_end(source, end + 12, size, name)
        else:
            end += 12 + max(0, size)
    return _one(source, start, end, name)


def nist(source: ByteSource, start: int, name: str) -> list[Stream]:
    """The one stream of a NIST Sphere file.

    Raises:
        AudioError: at sound that was cut off or is not declared.
    """
    lines = source.at(start, _NIST_BYTES).split(b"\n")
    fields = {parts[0]: parts[2] for parts in map(bytes.split, lines) if len(parts) == 3}
    names = (b"sample_count", b"channel_count", b"sample_n_bytes")
    if len(lines) < 2 or not all(key in fields and fields[key].isdigit() for key in names):
        return [Stream([Range(start, source.size)])]
    samples, channels, width = (int(fields[key]) for key in names)
    header = int(lines[1]) if lines[1].strip().isdigit() else _NIST_BYTES
    return _one(source, start, declared_end(source, start + header, samples * channels * width, name), name)


def _one(source: ByteSource, start: int, end: int, name: str) -> list[Stream]:
    if source.at(end, 4) in (AU, CAF, NIST):
        found = f"another after byte {end}"
        raise AudioError(mismatch(name, "one sound", found, "cut it into files"))
    check_rest(source, end, name)
    return [Stream([Range(start, source.size)])]
