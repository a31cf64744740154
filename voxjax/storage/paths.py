"""Where runs and caches are kept."""

import datetime
import os
from pathlib import Path

from voxjax.errors import VoxJaxError, mismatch


def workdir(given: str | None, name: str) -> Path:
    """The folder of a run: the one given, else `runs/NAME-TIME`."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path(given or f"runs/{name}-{now}")


def cache_dir() -> Path:
    """The folder for what can be made again: `VOXJAX_CACHE`, else `~/.cache/voxjax`. Created.

    Raises:
        VoxJaxError: where it can't be.
    """
    folder = Path(os.environ["VOXJAX_CACHE"] if "VOXJAX_CACHE" in os.environ else "~/.cache/voxjax").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        do = "set the environment variable VOXJAX_CACHE to a folder that can be written"
        raise VoxJaxError(mismatch("cache", "to create it", f"{folder}: {error.strerror}", do)) from error
    return folder
