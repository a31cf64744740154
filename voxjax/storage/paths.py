"""Where files lie: on disk or in a bucket, and default folders; the only module that reads the environment."""

import contextlib
import datetime
import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from voxjax.errors import UsageError, VoxJaxError, mismatch

if TYPE_CHECKING:
    from etils import epath

    AnyPath: TypeAlias = Path | epath.Path  # on disk, or in a bucket
else:
    AnyPath = os.PathLike  # so that nobody waits for etils who stays on the disk

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.IGNORECASE | re.DOTALL)  # not a drive, as C:/


def locate(given: str | os.PathLike[str]) -> AnyPath:
    """The path of a file or folder that a user named: the one place that decides between disk and bucket.

    Args:
        given: a path on disk, or `gs://BUCKET/FOLDER` in Google Cloud Storage.

    Returns:
        A `pathlib.Path` on disk; in a bucket an `etils.epath.Path`, which has most of its methods.

    Raises:
        UsageError: at another kind of address, or where the packages for buckets are not installed.
    """
    address = _ADDRESS.fullmatch(text := os.fspath(given))
    if not address:
        return Path(given)
    if address[1] != "gs" or not address[2].strip("/"):
        do = "copy it to a disk or to a bucket of Google Cloud Storage"
        raise UsageError(mismatch(text, "a path on disk, or gs://BUCKET/FOLDER", "another address", do))
    if importlib.util.find_spec("gcsfs") is None:
        do = "pip install 'voxjax[cloud]'"
        raise UsageError(mismatch(text, "the packages that read and write gs://", "no gcsfs", do))
    os.environ.setdefault("EPATH_USE_TF", "false")  # else etils takes TensorFlow, if it is there, in place of gcsfs
    from etils import epath

    return epath.Path(text)


@contextlib.contextmanager
def reaching(path: AnyPath) -> Iterator[None]:
    """Around the use of a path: what a bucket fails with becomes one line. Errors of a disk stay as they are.

    Raises:
        VoxJaxError: if the bucket does not exist, or refuses, or is not reached.
    """
    try:
        yield
    except Exception as error:  # gcsfs, aiohttp and google-auth raise many kinds
        if isinstance(path, Path) or isinstance(error, VoxJaxError):
            raise
        found = " ".join(f"{type(error).__name__} {error}".split())[:160]
        do = "check the bucket's name, your permissions (gcloud auth application-default login) and the network"
        raise VoxJaxError(mismatch(str(path), "to use it", found, do)) from error


def default_workdir(given: str | None, name: str) -> AnyPath:
    """The folder of a run: `given` if it is set, else `runs/NAME-TIME` in the current folder.

    Raises:
        UsageError: as `locate`.
    """
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return locate(given or f"runs/{name}-{now}")


def weights_dir() -> Path | None:
    """The user's folder of pretrained encoders: the environment variable `VOXJAX_WEIGHTS`; None where it is not set."""
    return Path(os.environ["VOXJAX_WEIGHTS"]) if "VOXJAX_WEIGHTS" in os.environ else None


def service_token() -> str | None:
    """The bearer token of `voxjax serve`: the environment variable `VOXJAX_SERVE_TOKEN`; None where it is not set."""
    return os.environ["VOXJAX_SERVE_TOKEN"] if "VOXJAX_SERVE_TOKEN" in os.environ else None


def xla_flags() -> str:
    """The user's settings of XLA: the environment variable `XLA_FLAGS`; empty without one."""
    return os.environ["XLA_FLAGS"] if "XLA_FLAGS" in os.environ else ""


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command that is started from here: this one with some values changed."""
    return {**os.environ, **changes}


def set_environment(changes: Mapping[str, str]) -> None:
    """Changes the environment of this process, before anything reads it."""
    os.environ.update(changes)


def cache_dir() -> Path:
    """The folder of cached files, which can be computed or downloaded again; it is created.

    The environment variable `VOXJAX_CACHE` if it is set, else the user's cache folder on this system
    (`~/.cache/voxjax` on Linux, `~/Library/Caches/voxjax` on macOS, `%LOCALAPPDATA%\\voxjax\\Cache` on Windows).

    Raises:
        VoxJaxError: if it can't be created.
    """
    import platformdirs  # only now, as a predictor has no use for it

    given = os.environ["VOXJAX_CACHE"] if "VOXJAX_CACHE" in os.environ else ""
    folder = Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("voxjax", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        do = "set the environment variable VOXJAX_CACHE to a folder that can be written"
        raise VoxJaxError(mismatch("cache", "to create it", f"{folder}: {error.strerror}", do)) from error
    return folder
