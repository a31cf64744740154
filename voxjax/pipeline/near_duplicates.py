"""Near duplicates among decoded clips, by fingerprints that are kept beside the clip store."""

import dataclasses
import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soxr

from voxjax.audio import fingerprint
from voxjax.audio.fingerprint import Print
from voxjax.audio.fingerprint_arrays import from_arrays, packed, to_arrays
from voxjax.data.manifest import Manifest
from voxjax.data.store import Store
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import sealed

_VERSION = 2  # of the files; raised when `fingerprint.of` changes


def prints(store: Store, sample_rate_hz: int, folder: Path, progress: Callable[[int], object]) -> list[Print]:
    """The fingerprint of each clip of a store, kept in a file beside it.

    Args:
        store: decoded clips.
        sample_rate_hz: of the store.
        folder: of the store; must exist.
        progress: called with the number of clips done since the last call.

    Raises:
        VoxJaxError: where the file can't be written.
    """
    digests = "\n".join([str(_VERSION), *(store.digest(i) for i in range(len(store)))])
    path = folder / f"{hashlib.sha256(digests.encode()).hexdigest()[:32]}.prints"
    if (found := _read(path, len(store))) is not None:
        progress(len(store))
        return found

    def one(i: int) -> Print:
        progress(1)
        samples = store.clip(i)
        if sample_rate_hz != fingerprint.RATE_HZ:
            samples = soxr.resample(samples, sample_rate_hz, fingerprint.RATE_HZ)
        return fingerprint.of(samples)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(one, range(len(store))))
    try:
        sealed.write(path, packed(to_arrays(made)))
    except OSError as error:
        do = "free some space, or set VOXJAX_CACHE to another folder"
        raise VoxJaxError(mismatch(str(path), "to write fingerprints", error.strerror, do)) from error
    return made


def with_recordings(manifest: Manifest, clip_prints: Sequence[Print]) -> Manifest:
    """The same clips, where near duplicates have `recording` in common.

    Args:
        manifest: decoded clips, with the hashes of their samples.
        clip_prints: the fingerprint of each.
    """
    first = list(range(len(manifest)))

    def root(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = first[i]
        return i

    for match in fingerprint.matches(clip_prints):
        a, b = sorted((root(match.first), root(match.second)))
        first[b] = a
    recordings = [manifest.clips[root(i)].content_hash for i in range(len(manifest))]
    pairs = zip(manifest.clips, recordings, strict=True)
    return dataclasses.replace(manifest, clips=tuple(dataclasses.replace(clip, recording=one) for clip, one in pairs))


def _read(path: Path, clips: int) -> list[Print] | None:
    """Cached fingerprints; None where there are none or the file is damaged."""
    content = sealed.read(path)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = from_arrays({name: arrays[name] for name in arrays.files})
    return found if len(found) == clips else None
