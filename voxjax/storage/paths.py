"""Default folders of runs, of encoder weights and of the cache; the only module that reads the environment."""

import datetime
import os
from pathlib import Path

import platformdirs

from voxjax.errors import VoxJaxError, mismatch


def default_workdir(given: str | None, name: str) -> Path:
    """The folder of a run: `given` if it is set, else `runs/NAME-TIME` in the current folder."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path(given or f"runs/{name}-{now}")


def weights_dir() -> Path | None:
    """The user's folder of pretrained encoders: the environment variable `VOXJAX_WEIGHTS`; None where it is not set."""
    return Path(os.environ["VOXJAX_WEIGHTS"]) if "VOXJAX_WEIGHTS" in os.environ else None


def cache_dir() -> Path:
    """The folder of cached files, which can be computed or downloaded again; it is created.

    The environment variable `VOXJAX_CACHE` if it is set, else the user's cache folder on this system
    (`~/.cache/voxjax` on Linux, `~/Library/Caches/voxjax` on macOS, `%LOCALAPPDATA%\\voxjax\\Cache` on Windows).

    Raises:
        VoxJaxError: if it can't be created.
    """
    given = os.environ["VOXJAX_CACHE"] if "VOXJAX_CACHE" in os.environ else ""
    folder = Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("voxjax", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        do = "set the environment variable VOXJAX_CACHE to a folder that can be written"
        raise VoxJaxError(mismatch("cache", "to create it", f"{folder}: {error.strerror}", do)) from error
    return folder
