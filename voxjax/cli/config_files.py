"""Config files, found by name: in the installed package, or in the checkout next to it."""

from pathlib import Path

import voxjax
from voxjax.cli import help
from voxjax.errors import UsageError, mismatch


def folder() -> Path:
    """The folder of the shipped configs: `voxjax/configs` if installed, else `configs` of the checkout."""
    package = Path(voxjax.__file__).resolve().parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def names() -> list[str]:
    """The names of the shipped configs, sorted."""
    return sorted(path.stem for path in folder().glob("*.py"))


def find(given: str) -> tuple[Path, str | None]:
    """The file of a config and the argument of its `get_config`.

    Args:
        given: a file, a name as `optimized`, or `configs/optimized.py` from any folder; then `:ARGUMENT` if wanted.

    Returns:
        The path, and the argument; None without one.

    Raises:
        UsageError: if there is no such file or name, with the nearest one.
    """
    if Path(given).is_file():
        return Path(given), None
    name, colon, argument = given.partition(":")
    path = Path(name)
    if not path.is_file():
        shipped = folder() / f"{path.stem}.py"
        plain = str(path) in (path.stem, f"configs/{path.name}") and path.suffix in ("", ".py")
        if not (plain and shipped.is_file()):
            raise UsageError(_missing(path))
        path = shipped
    return path, argument if colon else None


def _missing(path: Path) -> str:
    """One line for a config that does not exist."""
    nearby = sorted(str(file) for file in path.parent.glob("*.py")) if len(path.parts) > 1 else []
    if str(path.parent) == "configs":
        nearby = [f"configs/{name}.py" for name in names()]
    known = nearby or names()
    do = help.nearest(str(path), known, f"choose one of {', '.join(known)}")
    return mismatch("--config", "the name or file of a config", f"no '{path}'", do)
