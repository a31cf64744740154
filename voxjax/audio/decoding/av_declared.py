"""What a container that FFmpeg reads declares, checked before FFmpeg acts on it."""

from voxjax.audio.decoding.byte_source import ByteSource
from voxjax.audio.decoding.samples import cut_off

_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_SEARCH_BYTES = 2**16
_ASF_BYTES_AT, _ASF_FLAGS_AT, _ASF_BROADCAST = 40, 88, 1
_SLACK_BYTES = 100


def check_asf(source: ByteSource, start: int, name: str) -> None:
    """Checks the size that a Windows Media file declares: FFmpeg estimates the length of one that was cut off.

    Raises:
        AudioError: where the file is smaller.
    """
    head = source.at(start, _ASF_SEARCH_BYTES)
    place = head.find(_ASF_PROPERTIES)
    if place < 0 or int.from_bytes(head[place + _ASF_FLAGS_AT : place + _ASF_FLAGS_AT + 4], "little") & _ASF_BROADCAST:
        return
    declared = int.from_bytes(head[place + _ASF_BYTES_AT : place + _ASF_BYTES_AT + 8], "little")
    there = source.size - start
    if declared > there + _SLACK_BYTES:
        raise cut_off(name, f"{declared} bytes", f"{there} of them")
