"""Names as users mean them: labels, speakers and paths are equal whatever Unicode form they are written in."""

import difflib
import unicodedata
from collections.abc import Iterable
from pathlib import Path


def normalised(name: str) -> str:
    """The name in Unicode's composed form NFC, without blanks around it. Its case stays."""
    return unicodedata.normalize("NFC", name).strip()


def caseless(name: str) -> str:
    """A key that is equal for names that differ in case or Unicode form alone."""
    return unicodedata.normalize("NFC", normalised(name).casefold())


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a user most probably means; None if none is near.

    Case and punctuation do not count: `CREMA-D` is near `cremad`.
    """
    plain = {_letters(one): one for one in known}
    near = difflib.get_close_matches(_letters(name), plain, n=1)
    return plain[near[0]] if near else None


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, caseless(name)))


def existing(path: Path) -> Path:
    """The path in the Unicode form under which it exists; the path itself where there is none."""
    if path.exists():
        return path
    return _by_parts(path)  # macOS writes file names decomposed, nearly everything else composed


def _by_parts(path: Path) -> Path:
    """A path whose folders are written in different forms."""
    place = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        step = place / part
        if not step.exists() and place.is_dir():
            same = (entry for entry in place.iterdir() if normalised(entry.name) == normalised(part))
            step = next(same, step)
        place = step
    return place if place.exists() else path
