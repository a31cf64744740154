"""The streams of a file, by its content: its suffix and the counts in its headers decide nothing."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from voxjax.audio.decoding import declared_sizes, flac, mpeg, ogg, riff, signatures, tags, wave64
from voxjax.audio.decoding.byte_source import ByteSource, Range, Stream


class Container(NamedTuple):
    """A container, by the bytes that it begins with, and the function that finds its streams."""

    signatures: Sequence[bytes]
    streams: Callable[[ByteSource, int, str], list[Stream]]  # of (file, place, name for messages)


def _whole(source: ByteSource, start: int, name: str) -> list[Stream]:
    """One stream, as libsndfile reads it."""
    return [Stream([Range(start, source.size)])]


# A new container is a row.
CONTAINERS = (
    Container(riff.SIGNATURES, riff.streams),
    Container((flac.SIGNATURE,), flac.streams),
    Container((ogg.SIGNATURE,), ogg.streams),
    Container((wave64.SIGNATURE,), wave64.streams),
    Container((declared_sizes.AU,), declared_sizes.au),
    Container((declared_sizes.CAF,), declared_sizes.caf),
    Container((declared_sizes.NIST,), declared_sizes.nist),
    Container((b"FORM",), _whole),
)


def streams(source: ByteSource, name: str) -> list[Stream]:
    """The streams of a file in their order.

    Args:
        source: the file.
        name: for messages.

    Raises:
        AudioError: at a file of a kind that is not read, one that was cut off, or one that is damaged.
    """
    start = tags.start_of_sound(source)
    head = source.at(start, 8)
    for container in CONTAINERS:
        if head.startswith(tuple(container.signatures)):
            return container.streams(source, start, name)
    signatures.check(source, start, name)
    first_frame = mpeg.find(source, start)
    if first_frame >= 0:
        return mpeg.streams(source, first_frame, source.size, name)
    return _whole(source, start, name)
