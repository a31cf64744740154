"""Writes the training guide's feature table: 392 numbers, label, speaker and clip, one row per augmented copy.

voxjax preprocess --corpus=ravdess --data_dir=DATA --out=features.csv
"""

import time
from pathlib import Path

from absl import flags

from voxjax.cli import entrypoint
from voxjax.config import OfflineAugmentConfig
from voxjax.data import broken_clips
from voxjax.storage import paths

CORPUS = flags.DEFINE_string("corpus", "demo", "A corpus, or several joined by '+'.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")
OUT = flags.DEFINE_string("out", "features.csv", "The table.")
BROKEN_CLIPS = flags.DEFINE_enum("broken_clips", "stop", broken_clips.POLICIES, broken_clips.HELP)
FACTOR = flags.DEFINE_integer("augmentation_factor", 3, "Copies of each clip: noise, pitch, stretch, shift in turn.")


def main() -> None:
    from voxjax.data import corpora  # imported here, so that --help and wrong use answer at once
    from voxjax.pipeline import dataset, feature_table

    started = time.perf_counter()
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    augment = OfflineAugmentConfig(augmentation_factor=FACTOR.value)
    cache = paths.cache_dir()
    manifest = corpora.load(CORPUS.value, data_dir, cache)
    manifest, clips = dataset.decoded(manifest, feature_table.FEATURES.sample_rate_hz, cache, BROKEN_CLIPS.value)
    rows, columns = feature_table.write(paths.locate(OUT.value), manifest, clips, augment)
    seconds = time.perf_counter() - started
    print(f"{OUT.value}: {rows} rows x {columns} columns, in {seconds:.1f} s")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
