"""Provenance of results: versions, device, command line and commit."""

import pathlib
import platform
import shlex
import subprocess
import sys

import jax

from voxjax.version import __version__

_PACKAGE = pathlib.Path(__file__).resolve().parent.parent
_BUILT_FROM = "commit.txt"  # in the package: written into wheels and source archives by setup.py, never into a checkout


def provenance() -> dict[str, str]:
    """Versions, device and command line; the commit where it is known: in a checkout and in what is built from it."""
    commit = _commit(_PACKAGE)
    return {
        "voxjax": __version__,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "command": _command(),
        **({"commit": commit} if commit else {}),
    }


def _command() -> str:
    """The command line as it was typed: `voxjax train …`, or `python scripts/train.py …`."""
    if sys.argv[0].startswith("voxjax "):
        return shlex.join([*sys.argv[0].split(), *sys.argv[1:]])
    return shlex.join(["python", *sys.argv])


def _commit(package: pathlib.Path) -> str:
    """The commit of the package: as its wheel states, else of its own checkout, with `-dirty`; empty if not known."""
    written = package / _BUILT_FROM
    if written.is_file():
        return written.read_text(encoding="utf-8").strip()
    # An installed package may lie inside a checkout of something else, whose commit is not its own.
    top = _git(package, "rev-parse", "--show-toplevel")
    if not top or pathlib.Path(top).resolve() != package.parent:
        return ""
    return _git(package, "describe", "--always", "--dirty", "--abbrev=12")


def _git(folder: pathlib.Path, *command: str) -> str:
    """What git prints, without the line's end; empty where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
