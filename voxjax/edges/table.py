"""The guide's feature table: one CSV row for each clip and each of its copies."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from voxjax.audio import copies, features, vector
from voxjax.config import CopiesConfig, FeatureConfig
from voxjax.data.manifest import Manifest
from voxjax.data.store import Store
from voxjax.edges import files

COLUMNS = (*vector.COLUMN_NAMES, "label", "speaker", "clip", "copy")
# librosa's window and hop, 2,048 and 512 samples, at 16 kHz; nothing is cut off, as in the guide.
FEATURES = FeatureConfig(kind="vector", window_ms=128.0, hop_ms=32.0, trim_db=200.0, max_duration_s=60.0)

_BATCH = 32
_STEP_S = 0.5  # clips are padded to multiples of this, so few shapes are compiled


def write(path: Path, manifest: Manifest, clips: Store, copying: CopiesConfig) -> tuple[int, int]:
    """Writes the table, whole or not at all.

    Args:
        path: of the CSV file; its folder is made.
        manifest: the clips.
        clips: their samples.
        copying: `augmentation_factor` copies are made of each clip.

    Returns:
        Rows and columns.
    """
    rows: list[list[Any]] = [[] for _ in range(len(manifest) * (1 + copying.augmentation_factor))]
    with tqdm(total=len(rows), desc="features", unit="row", disable=None) as bar, ThreadPoolExecutor(2) as pool:
        # The device works on one batch while the host formats the last.
        pending = [pool.submit(_rows, manifest, copying, *batch) for batch in _batches(manifest, clips)]
        for done in pending:
            for place, row in done.result():
                rows[place] = row
                bar.update()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, text.getvalue())
    return len(rows), len(COLUMNS)


def _batches(manifest: Manifest, clips: Store) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Clips of like length together: indices `[B]`, samples `[B, time]` and lengths `[B]`, B fixed."""
    sizes = np.array([len(clips.clip(i)) for i in range(len(clips))])
    step = int(_STEP_S * FEATURES.sample_rate_hz)
    buckets = -(-sizes // step)
    for bucket in np.unique(buckets):
        members = np.flatnonzero(buckets == bucket)
        for start in range(0, len(members), _BATCH):
            chosen = members[start : start + _BATCH]
            samples = np.zeros((_BATCH, int(bucket) * step), np.float32)
            lengths = np.full(_BATCH, step, np.int32)
            for row, i in enumerate(chosen):
                samples[row, : sizes[i]] = clips.clip(int(i))
                lengths[row] = sizes[i]
            yield chosen, samples, lengths


def _rows(
    manifest: Manifest, copying: CopiesConfig, chosen: np.ndarray, samples: np.ndarray, lengths: np.ndarray
) -> list[tuple[int, list[Any]]]:
    """The table's rows of one batch, each with its place: a clip's copies follow the clip."""
    ids = np.zeros(len(samples), np.uint32)
    ids[: len(chosen)] = [manifest.clips[i].copy_id for i in chosen]
    out = []
    for copy in range(1 + copying.augmentation_factor):
        sound = (samples, lengths)
        if copy:
            sound = copies.make(copying, FEATURES.sample_rate_hz, samples, lengths, ids, copy)
        values = np.asarray(jax.device_get(features.extract(FEATURES, *sound)[0]))[: len(chosen), :, 0]
        for i, row in zip(chosen, values, strict=True):
            clip = manifest.clips[i]
            place = int(i) * (1 + copying.augmentation_factor) + copy
            numbers = [f"{value:.7g}" for value in row.tolist()]
            out.append((place, [*numbers, clip.emotion, clip.speaker, clip.path, copy]))
    return out
