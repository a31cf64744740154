"""Prints versions, devices, cache, encoders, default model and configs, for a bug report. Needs no network.

voxjax doctor
"""

import importlib.metadata
import os
import platform
from collections.abc import Iterator

from voxjax.cli import config_files, entrypoint
from voxjax.storage.paths import cache_dir
from voxjax.version import __version__

PACKAGES = (
    "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "scipy", "librosa", "soundfile", "soxr",
    "scikit-learn", "matplotlib",
)  # fmt: skip


def main() -> None:
    for name, value in lines():
        print(f"{name:<17} {value}", flush=True)


def lines() -> Iterator[tuple[str, str]]:
    """Pairs of name and value."""
    yield "voxjax", __version__
    yield "python", f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} CPU cores"
    yield from ((name, _version(name)) for name in PACKAGES)
    yield "devices", _devices()
    cache = cache_dir()
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    yield "cache", f"{cache} ({size / 1e6:.1f} MB)"
    yield "encoders", _encoders()
    yield "default model", _default_model()
    yield "configs", f"{config_files.folder()}: {' '.join(config_files.names())}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _devices() -> str:
    import jax  # imported here, so that --help is fast

    try:
        return ", ".join(f"{device.platform} {device.device_kind}" for device in jax.devices())
    except RuntimeError as error:  # a broken driver belongs in the bug report
        return f"none: {' '.join(str(error).split())}"


def _encoders() -> str:
    from voxjax.downloads import encoder_weights

    folder = encoder_weights.weights_folder(None)
    files = sorted(path.name for path in folder.glob("*") if not path.name.startswith(".")) if folder.is_dir() else []
    return f"{folder}: {' '.join(files) or 'none'}"


def _default_model() -> str:
    from voxjax.errors import VoxJaxError
    from voxjax.inference.shipped_model import default_model

    try:
        return str(default_model())
    except VoxJaxError as error:
        return f"none: {error}"


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
