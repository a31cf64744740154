"""Provenance of results: versions, device, command line and commit."""

import pathlib
import platform
import shlex
import subprocess
import sys

import jax

from voxjax.version import __version__


def provenance() -> dict[str, str]:
    """Versions, device, command line and, in a git checkout, the commit (else "unknown")."""
    return {
        "voxjax": __version__,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "command": _command(),
        "commit": _commit(),
    }


def _command() -> str:
    """The command line as it was typed: `voxjax train …`, or `python scripts/train.py …`."""
    if sys.argv[0].startswith("voxjax "):
        return shlex.join([*sys.argv[0].split(), *sys.argv[1:]])
    return shlex.join(["python", *sys.argv])


def _commit() -> str:
    folder = pathlib.Path(__file__).resolve().parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
