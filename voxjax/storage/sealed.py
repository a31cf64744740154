"""Cache files that carry a digest of their content, so that a damaged one is as good as none."""

import hashlib
from pathlib import Path

from voxjax.storage import atomic

_DIGEST_BYTES = hashlib.sha256().digest_size


def write(path: Path, content: bytes) -> None:
    """Writes a file atomically: the SHA-256 of the content, then the content.

    Raises:
        OSError: as `atomic.write`.
    """
    atomic.write(path, hashlib.sha256(content).digest() + content)


def read(path: Path) -> bytes | None:
    """The content of a file that `write` wrote; None if there is none, or another than was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None
