"""A file of figures of several campaigns: each part is written by a command of its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voxjax.errors import UsageError, mismatch
from voxjax.storage import atomic
from voxjax.storage.provenance import provenance


def record(path: Path, part: str, figures: Mapping[str, Any]) -> None:
    """Writes the figures of one part, with versions, command and commit; the other parts stay.

    Args:
        path: a JSON object of parts; created if missing.
        figures: JSON values.

    Raises:
        UsageError: if the file is not of this kind.
        OSError: if it can't be written.
    """
    parts: Any = {}
    if path.exists():
        try:
            parts = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            parts = None
    if not isinstance(parts, dict):
        raise UsageError(mismatch(str(path), "a JSON object", "something else", "name another file"))
    parts[part] = {**provenance(), **figures}
    ordered = {name: parts[name] for name in sorted(parts)}
    atomic.write(path, json.dumps(ordered, indent=1, allow_nan=False) + "\n")
