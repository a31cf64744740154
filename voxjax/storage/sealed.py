"""Cache files that carry a digest of their name and content, so that a damaged or misplaced one is as good as none."""

import hashlib
from pathlib import Path

from voxjax.storage import atomic

_DIGEST_BYTES = hashlib.sha256().digest_size


def write(path: Path, content: bytes) -> None:
    """Writes a file atomically: the SHA-256 of its name and content, then the content.

    Raises:
        OSError: as `atomic.write`.
    """
    atomic.write(path, _digest(path, content) + content)


def read(path: Path) -> bytes | None:
    """The content of a file that `write` wrote; None if there is none, or another than was written under this name."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return content if _digest(path, content) == digest else None


def _digest(path: Path, content: bytes) -> bytes:
    running = hashlib.sha256(path.name.encode("utf-8", "surrogateescape") + b"\0")
    running.update(content)
    return running.digest()
