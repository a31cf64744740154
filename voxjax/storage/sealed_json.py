"""JSON objects that carry a digest of their values under the key `digest`."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DIGEST = "digest"


class DamagedError(ValueError):
    """Values that are not those that were written."""


def digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of the values, in hexadecimal; the order of keys does not matter.

    Raises:
        ValueError: at a number that is not finite.
    """
    plain = json.dumps(values, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def text(values: Mapping[str, Any]) -> str:
    """The values as the text of a JSON file, with their digest at the end.

    Args:
        values: JSON values; a key `digest` is replaced.

    Raises:
        ValueError: at a number that is not finite.
    """
    own = json.loads(json.dumps({key: value for key, value in values.items() if key != DIGEST}, allow_nan=False))
    return json.dumps({**own, DIGEST: digest(own)}, indent=1, allow_nan=False) + "\n"


def parsed(content: bytes) -> tuple[dict[str, Any], bool]:
    """The values of a JSON file without their digest, and whether they had one.

    Raises:
        DamagedError: at text that is not a JSON object, or values that differ from their digest.
    """
    try:
        values = json.loads(content.decode("utf-8"))
        if not isinstance(values, dict):
            raise DamagedError(f"a JSON {type(values).__name__}")
        return opened(values)
    except (ValueError, RecursionError) as error:
        raise DamagedError(" ".join(f"{type(error).__name__} {error}".split())) from error


def opened(values: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The values of a JSON object without their digest, and whether they had one.

    Raises:
        DamagedError: if they differ from it.
        ValueError: at a number that is not finite.
    """
    own = {key: value for key, value in values.items() if key != DIGEST}
    found = digest(own)
    if DIGEST in values and values[DIGEST] != found:
        raise DamagedError("values that differ from their digest")
    return own, DIGEST in values
