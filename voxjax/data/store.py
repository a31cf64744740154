"""The clip store: decoded clips in one memory-mapped float32 file, keyed by their hashes.

The table at its end carries its own digest and one of each clip, which is checked when the clip is first read.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from voxjax.audio import io
from voxjax.audio.sample_hash import sample_hash
from voxjax.data import broken_clips, read_ahead
from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import atomic

_VERSION = 4  # of the file, and of how clips are decoded
_TYPE = np.dtype("<f4")
_SAMPLE_BYTES = _TYPE.itemsize
_TAIL_BYTES = hashlib.sha256().digest_size + 8  # the digest of the table and its length

Samples = Float32[np.ndarray, " time"]


class Store:
    """Decoded clips in the order of a manifest, without broken ones."""

    def __init__(
        self,
        samples: Float32[np.ndarray, " total"],
        table: "_Table",
        kept: Int[np.ndarray, " clips"],
        again: Callable[[int], Samples],
    ) -> None:
        """A store of mapped samples.

        Args:
            samples: float32 `[total]`.
            table: where each clip lies, and its digests.
            kept: each clip's index in the manifest.
            again: decodes a clip whose samples are damaged.
        """
        self._samples, self._table, self.kept, self._again = samples, table, kept, again
        self._checked = np.zeros(len(kept), bool)

    def __len__(self) -> int:
        return len(self.kept)

    def clip(self, i: int) -> Samples:
        """One clip, the very samples that `io.read` gives: float32 `[time]`, full scale 1.

        Raises:
            VoxJaxError: if it is damaged in the store and can't be decoded again.
        """
        samples = np.array(self._samples[self._table.offsets[i] : self._table.offsets[i + 1]])
        if not self._checked[i]:
            if _digest(samples) != self._table.digests[i]:
                return self._again(i)
            self._checked[i] = True
        return samples

    def digest(self, i: int) -> str:
        """SHA-256 of one clip's samples, in hexadecimal: equal for a recording in any lossless format."""
        return self._table.hashes[i]


class _Table(NamedTuple):
    """The table at the end of a store's file."""

    key: str  # of the store
    offsets: list[int]  # `[clips + 1]`, in samples
    kept: list[int]  # each clip's index in the manifest
    errors: list[str]  # of broken clips
    hashes: list[str]  # `sample_hash` of each clip
    digests: list[str]  # of each clip's bytes


def open_store(
    manifest: Manifest, sample_rate_hz: int, folder: Path, broken: str, progress: Callable[[int], object]
) -> Store:
    """The store of these clips, decoded now if it does not exist.

    Two processes may call it at once: each writes its own file, and the rename is atomic. A store with a damaged table
    is built again; a damaged clip is decoded again, and the next call builds the store again.

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
    found = _load(path, manifest, sample_rate_hz)
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


def _digest(samples: Samples) -> str:
    return hashlib.blake2b(samples.astype(_TYPE, copy=False).data, digest_size=16).hexdigest()


def _load(path: Path, manifest: Manifest, sample_rate_hz: int) -> tuple[Store, list[str]] | None:
    """A store with a whole table, or None if it does not exist or is damaged.

    The file ends with its table: the samples, the table as JSON, the table's digest, and its length in 8 bytes.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(size - _TAIL_BYTES)
            tail = file.read(_TAIL_BYTES)
            length = int.from_bytes(tail[-8:], "little")
            file.seek(size - _TAIL_BYTES - length)
            content = file.read(length)
        if hashlib.sha256(content).digest() != tail[:-8]:
            return None
        table = _Table(**json.loads(content))
        whole = table.key == path.stem and size == _SAMPLE_BYTES * table.offsets[-1] + length + _TAIL_BYTES
        empty = not table.offsets[-1]  # which can't be mapped
        samples = np.zeros(0, np.float32) if empty else np.memmap(path, _TYPE, "r", shape=(table.offsets[-1],))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None

    def again(i: int) -> Samples:
        return _decoded_again(
            path, manifest.root / manifest.clips[table.kept[i]].path, sample_rate_hz, table.digests[i]
        )

    return (Store(samples, table, np.array(table.kept, np.int64), again), table.errors) if whole else None


def _decoded_again(store: Path, path: Path, sample_rate_hz: int, digest: str) -> Samples:
    """A clip whose samples are damaged in a store; the store is deleted, so that the next run builds it again.

    Raises:
        VoxJaxError: if the clip can't be decoded, or is now another one.
    """
    with contextlib.suppress(OSError):  # on Windows, where a mapped file can't be deleted
        store.unlink()
    samples = io.read(path, sample_rate_hz)
    if _digest(samples) != digest:
        raise VoxJaxError(mismatch(str(path), "the samples that were decoded before", "others", "run again"))
    return samples


def _build(
    manifest: Manifest, sample_rate_hz: int, path: Path, progress: Callable[[int], object]
) -> tuple[Store, list[str]]:
    """Decodes all clips into the file `path`, atomically."""

    def decode(i: int) -> Samples | VoxJaxError:
        path = manifest.root / manifest.clips[i].path
        progress(1)
        return io.attempt(str(path), lambda: io.read(path, sample_rate_hz))

    def fill(file: IO[bytes]) -> None:
        table = _Table(path.stem, [0], [], [], [], [])
        for i, samples in enumerate(read_ahead.in_order(decode, len(manifest))):
            if isinstance(samples, VoxJaxError):
                table.errors.append(str(samples).removeprefix(f"{manifest.root / manifest.clips[i].path}: "))
                continue
            file.write(samples.astype(_TYPE, copy=False).data)
            table.kept.append(i)
            table.offsets.append(table.offsets[-1] + len(samples))
            table.hashes.append(sample_hash(samples))
            table.digests.append(_digest(samples))
        content = json.dumps(table._asdict(), allow_nan=False).encode()
        file.write(content + hashlib.sha256(content).digest() + len(content).to_bytes(8, "little"))
        file.flush()
        os.fsync(file.fileno())  # so that a full disk is an error before the rename

    atomic.write_stream(path, fill)
    found = _load(path, manifest, sample_rate_hz)
    if found is None:
        do = "empty the cache folder and run again"
        raise VoxJaxError(mismatch(str(path), "the store just written", "another", do))
    return found
