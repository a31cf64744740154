"""The clip store: decoded clips in one memory-mapped int16 file, keyed by their hashes."""

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float, Int, Int16

from voxjax.audio import io
from voxjax.data import broken_clips
from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import atomic

_VERSION = 2
_FULL_SCALE = 32_767.0


class Store:
    """Decoded clips in the order of a manifest, without broken ones."""

    def __init__(
        self,
        samples: Int16[np.ndarray, " total"],
        offsets: Int[np.ndarray, " offsets"],
        kept: Int[np.ndarray, " clips"],
    ) -> None:
        """From samples int16 `[total]`, offsets int64 `[clips + 1]` and each clip's index in the manifest."""
        self._samples, self._offsets, self.kept = samples, offsets, kept

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def clip(self, i: int) -> Float[np.ndarray, " time"]:
        """One clip: float32 `[time]`, full scale 1."""
        part = self._samples[self._offsets[i] : self._offsets[i + 1]]
        return part.astype(np.float32) / np.float32(_FULL_SCALE)

    def digest(self, i: int) -> str:
        """SHA-256 of one clip's samples, in hexadecimal: equal for a recording in any lossless format."""
        return hashlib.sha256(self._samples[self._offsets[i] : self._offsets[i + 1]].tobytes()).hexdigest()


def open_store(
    manifest: Manifest, sample_rate_hz: int, folder: Path, broken: str, progress: Callable[[int], object]
) -> Store:
    """The store of these clips, decoded now if it does not exist.

    Two processes may call it at once: each writes its own file, and the rename is atomic. A damaged store is built
    again.

    Args:
        manifest: the clips; their hashes, in order, are the key.
        sample_rate_hz: of the stored samples.
        folder: of the stores; created if missing.
        broken: a name in `broken_clips.POLICIES`, for clips that can't be used.
        progress: called with the number of clips done since the last call.

    Raises:
        VoxJaxError: at broken clips, or if the store can't be written; then no file is left.
    """
    path = folder / f"{_key(manifest, sample_rate_hz)}.clips"
    found = _load(path, len(manifest))
    if found is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = _build(manifest, sample_rate_hz, path, progress)
        except OSError as error:
            do = "free some space, or set VOXJAX_CACHE to another folder"
            raise VoxJaxError(mismatch(str(folder), "to write decoded clips", error.strerror, do)) from error
    else:
        progress(len(manifest))
    store, errors = found
    lost = np.setdiff1d(np.arange(len(manifest)), store.kept)
    paths = [manifest.root / manifest.clips[i].path for i in lost]  # reasons are kept without: the folder may move
    broken_clips.handle([f"{path}: {reason}" for path, reason in zip(paths, errors, strict=True)], broken)
    return store


def _key(manifest: Manifest, sample_rate_hz: int) -> str:
    parts = [str(_VERSION), str(sample_rate_hz), *(clip.sha256 for clip in manifest.clips)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _load(path: Path, clips: int) -> tuple[Store, list[str]] | None:
    """A complete store, or None if it does not exist or is damaged.

    The file ends with its table: the samples, the table as JSON, and the table's length in 8 bytes.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(size - 8)
            length = int.from_bytes(file.read(8), "little")
            file.seek(size - 8 - length)
            table = json.loads(file.read(length))
        offsets = np.array(table["offsets"], np.int64)
        kept = np.array(table["kept"], np.int64)
        complete = size == 2 * offsets[-1] + length + 8 and len(kept) + len(table["errors"]) == clips
        samples = np.memmap(path, np.int16, "r", shape=(int(offsets[-1]),))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return (Store(samples, offsets, kept), table["errors"]) if complete else None


def _build(
    manifest: Manifest, sample_rate_hz: int, path: Path, progress: Callable[[int], object]
) -> tuple[Store, list[str]]:
    """Decodes all clips into the file `path`, atomically."""

    def decode(i: int) -> Int16[np.ndarray, " time"] | str:
        progress(1)
        path = manifest.root / manifest.clips[i].path
        try:
            samples = io.read(path, sample_rate_hz)
        except io.AudioError as error:
            return str(error).removeprefix(f"{path}: ")
        return np.round(np.clip(samples, -1.0, 1.0) * _FULL_SCALE).astype(np.int16)

    def fill(file: IO[bytes]) -> None:
        kept, errors, offsets = [], [], [0]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for i, samples in enumerate(pool.map(decode, range(len(manifest)))):
                if isinstance(samples, str):
                    errors.append(samples)
                    continue
                file.write(samples.tobytes())
                kept.append(i)
                offsets.append(offsets[-1] + len(samples))
        table = json.dumps({"offsets": offsets, "kept": kept, "errors": errors}).encode()
        file.write(table + len(table).to_bytes(8, "little"))
        file.flush()
        os.fsync(file.fileno())  # so that a full disk is an error before the rename

    atomic.write_stream(path, fill)
    found = _load(path, len(manifest))
    if found is None:
        do = "empty the cache folder and run again"
        raise VoxJaxError(mismatch(str(path), "the store just written", "another", do))
    return found
