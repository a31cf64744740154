"""Windows Media (ASF): the size that a file declares, as FFmpeg estimates the length of one that was cut off."""

from voxjax.audio.decoding.byte_source import ByteSource
from voxjax.audio.decoding.samples import cut_off

_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_SEARCH_BYTES = 2**16
_BYTES_AT, _FLAGS_AT, _BROADCAST = 40, 88, 1
_SLACK_BYTES = 100


def check(source: ByteSource, start: int, name: str) -> None:
    """Checks the size that a Windows Media file declares.

    Raises:
        AudioError: where the file is smaller.
    """
    head = source.at(start, _SEARCH_BYTES)
    place = head.find(_PROPERTIES)
    if place < 0 or int.from_bytes(head[place + _FLAGS_AT : place + _FLAGS_AT + 4], "little") & _BROADCAST:
        return
    declared = int.from_bytes(head[place + _BYTES_AT : place + _BYTES_AT + 8], "little")
    there = source.size - start
    if declared > there + _SLACK_BYTES:
        raise cut_off(name, f"{declared} bytes", f"{there} of them")
