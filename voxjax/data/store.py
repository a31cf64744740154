"""The clip store: decoded clips in one memory-mapped float32 file, keyed by their hashes."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32, Int

from voxjax.audio import io
from voxjax.audio.sample_hash import sample_hash
from voxjax.data import broken_clips, read_ahead
from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import atomic

_VERSION = 3  # of the file, and of how clips are decoded
_TYPE = np.dtype("<f4")
_SAMPLE_BYTES = _TYPE.itemsize


class Store:
    """Decoded clips in the order of a manifest, without broken ones."""

    def __init__(
        self,
        samples: Float32[np.ndarray, " total"],
        offsets: Int[np.ndarray, " offsets"],
        kept: Int[np.ndarray, " clips"],
    ) -> None:
        """From samples float32 `[total]`, offsets int64 `[clips + 1]` and each clip's index in the manifest."""
        self._samples, self._offsets, self.kept = samples, offsets, kept

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def clip(self, i: int) -> Float32[np.ndarray, " time"]:
        """One clip, the very samples that `io.read` gives: float32 `[time]`, full scale 1."""
        return np.array(self._samples[self._offsets[i] : self._offsets[i + 1]])

    def digest(self, i: int) -> str:
        """SHA-256 of one clip's samples, in hexadecimal: equal for a recording in any lossless format."""
        return sample_hash(self.clip(i))


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
        complete = size == _SAMPLE_BYTES * offsets[-1] + length + 8 and len(kept) + len(table["errors"]) == clips
        empty = not offsets[-1]  # which can't be mapped
        samples = np.zeros(0, np.float32) if empty else np.memmap(path, _TYPE, "r", shape=(int(offsets[-1]),))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return (Store(samples, offsets, kept), table["errors"]) if complete else None


def _build(
    manifest: Manifest, sample_rate_hz: int, path: Path, progress: Callable[[int], object]
) -> tuple[Store, list[str]]:
    """Decodes all clips into the file `path`, atomically."""

    def decode(i: int) -> Float32[np.ndarray, " time"] | VoxJaxError:
        path = manifest.root / manifest.clips[i].path
        progress(1)
        return io.attempt(str(path), lambda: io.read(path, sample_rate_hz))

    def fill(file: IO[bytes]) -> None:
        kept, errors, offsets = [], [], [0]
        for i, samples in enumerate(read_ahead.in_order(decode, len(manifest))):
            if isinstance(samples, VoxJaxError):
                errors.append(str(samples).removeprefix(f"{manifest.root / manifest.clips[i].path}: "))
                continue
            file.write(samples.astype(_TYPE, copy=False).data)
            kept.append(i)
            offsets.append(offsets[-1] + len(samples))
        table = json.dumps({"offsets": offsets, "kept": kept, "errors": errors}, allow_nan=False).encode()
        file.write(table + len(table).to_bytes(8, "little"))
        file.flush()
        os.fsync(file.fileno())  # so that a full disk is an error before the rename

    atomic.write_stream(path, fill)
    found = _load(path, len(manifest))
    if found is None:
        do = "empty the cache folder and run again"
        raise VoxJaxError(mismatch(str(path), "the store just written", "another", do))
    return found
