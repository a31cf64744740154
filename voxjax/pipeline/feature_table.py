"""The guide's feature table: one CSV row for each clip and each augmented copy."""

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt32

from voxjax import progress
from voxjax.audio import features, offline_augment, vector
from voxjax.config import OfflineAugmentConfig, VectorFeatures
from voxjax.data.manifest import Manifest
from voxjax.data.store import Store
from voxjax.storage import atomic, csv_text, sums
from voxjax.storage.paths import AnyPath

COLUMNS = (*vector.COLUMN_NAMES, "label", "speaker", "clip", "copy")
# librosa's window and hop, 2,048 and 512 samples, at 16 kHz; nothing is cut off, as in the guide.
FEATURES = VectorFeatures(window_ms=128.0, hop_ms=32.0, trim_db=200.0, max_duration_s=60.0)

_BATCH = 4  # clips, which fit into a core's cache: with 16, a clip takes twice as long
_STEP_S = 0.5  # padded lengths are multiples of this, so that corpora share compiled programs
_NUMBERS = ",".join(["%.9g"] * vector.SIZE) + ","  # nine digits hold a float32 exactly


def write(path: AnyPath, manifest: Manifest, clips: Store, augment: OfflineAugmentConfig) -> tuple[int, int]:
    """Writes the table atomically, and beside it its SHA-256 as `sha256sum -c` reads it.

    Args:
        path: of the CSV file; its folder is created.
        manifest: the clips.
        clips: their samples.
        augment: `augmentation_factor` copies are made of each clip.

    Returns:
        Rows and columns.

    Raises:
        OSError: if the file can't be written; an older one is kept.
    """
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)  # before the work, so that a wrong path fails at once
    values = rows(manifest, clips, augment)
    text = io.StringIO()
    text.write(csv_text.text([COLUMNS]))
    for clip, of_clip in zip(manifest.clips, values, strict=True):
        for copy, row in enumerate(of_clip.tolist()):
            text.write(_NUMBERS % tuple(row))
            text.write(csv_text.text([[clip.emotion, clip.speaker, clip.clip_id, copy]]))
    content = text.getvalue().encode()
    atomic.write(path, content)
    atomic.write(sums.beside(path), sums.text({path.name: hashlib.sha256(content).hexdigest()}))
    return values.shape[0] * values.shape[1], len(COLUMNS)


def rows(manifest: Manifest, clips: Store, augment: OfflineAugmentConfig) -> Float[np.ndarray, "clips copies 392"]:
    """Features of each clip and of its copies: float32 `[clips, copies, 392]`, copy 0 the clip itself."""
    values = np.empty((len(clips), 1 + augment.augmentation_factor, vector.SIZE), np.float32)

    def fill(batch: tuple[int, Int[np.ndarray, " _"]]) -> int:
        size, chosen = batch
        samples = np.zeros((_BATCH, size), np.float32)
        lengths, ids = np.full(_BATCH, size, np.int32), np.zeros(_BATCH, np.uint32)
        for row, i in enumerate(chosen.tolist()):
            clip = clips.clip(i)
            samples[row, : len(clip)], lengths[row], ids[row] = clip, len(clip), manifest.clips[i].augmentation_id
        values[chosen] = _with_copies(augment, samples, lengths, ids)[: len(chosen)]
        return len(chosen) * values.shape[1]

    with (
        progress.bar(values.shape[0] * values.shape[1], "features", "row") as bar,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        for done in pool.map(fill, _batches(clips)):
            bar.update(done)
    return values


def _batches(clips: Store) -> list[tuple[int, Int[np.ndarray, " _"]]]:
    """Padded length in samples and indices of clips of similar length, one shape per octave.

    Shapes alternate, so that cores compile several of them at once.
    """
    sizes = np.array([len(clips.clip(i)) for i in range(len(clips))])
    step = round(_STEP_S * FEATURES.sample_rate_hz)
    octaves = np.ceil(np.log2(np.maximum(sizes / step, 1.0)))
    ranked = []
    for octave in np.unique(octaves):
        members = np.flatnonzero(octaves == octave)
        size = -(-int(sizes[members].max()) // step) * step
        parts = np.array_split(members, range(_BATCH, len(members), _BATCH))
        ranked += [(turn, size, part) for turn, part in enumerate(parts)]
    return [(size, part) for _, size, part in sorted(ranked, key=lambda batch: batch[:2])]


def _with_copies(
    augment: OfflineAugmentConfig,
    samples: Float[np.ndarray, "clips time"],
    lengths: Int[np.ndarray, " clips"],
    ids: UInt32[np.ndarray, " clips"],
) -> Float[np.ndarray, "clips copies 392"]:
    """Features of a batch and of its copies: `[clips, time] -> [clips, copies, 392]`."""
    batches: list[tuple[jax.Array, jax.Array]] = [(jnp.asarray(samples), jnp.asarray(lengths))]
    for copy in range(1, 1 + augment.augmentation_factor):
        batches.append(offline_augment.make(augment, FEATURES.sample_rate_hz, samples, lengths, ids, copy))
    longest = max(batch.shape[1] for batch, _ in batches)  # one shape is compiled for all
    wide = [(jnp.pad(batch, ((0, 0), (0, longest - batch.shape[1]))), n) for batch, n in batches]
    return np.stack(jax.device_get([features.extract(FEATURES, *each)[0][..., 0] for each in wide]), axis=1)
