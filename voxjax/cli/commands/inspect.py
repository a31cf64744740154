"""Checks the quality of a corpus: counts, durations, levels; broken, silent, clipped, duplicate and mislabelled clips.

voxjax inspect --corpus=ravdess --data_dir=DATA --workdir=runs/quality
"""

import json
from pathlib import Path

from absl import flags

from voxjax import progress
from voxjax.cli import entrypoint
from voxjax.data import broken_clips, corpora, quality
from voxjax.data.manifest import Manifest
from voxjax.storage import atomic, paths
from voxjax.storage.safe_text import printable

CORPUS = flags.DEFINE_string("corpus", "demo", "A corpus, or several joined by '+'.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", None, "Writes report.html, quality.json and issues.csv here.")
OUT = flags.DEFINE_string("out", None, "Writes the report as JSON here too.")
BROKEN_CLIPS = flags.DEFINE_enum("broken_clips", "stop", broken_clips.POLICIES, broken_clips.HELP)
FEATURES = flags.DEFINE_string(
    "features", None, "Checks a table that preprocess wrote for this corpus, instead of the clips."
)


def main() -> int:
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    manifest = corpora.load(CORPUS.value, data_dir, paths.cache_dir())
    if FEATURES.value:
        return checked(Path(FEATURES.value), manifest)
    with progress.bar(len(manifest), "reading", "clip") as bar:
        corpus = quality.read(manifest, bar.update)
    found = quality.issues(corpus)
    figures = quality.figures(corpus, found)
    print(quality.text(figures))
    if OUT.value:
        atomic.write(paths.locate(OUT.value), json.dumps(figures, indent=1, allow_nan=False) + "\n")
    if WORKDIR.value:
        from voxjax.reporting import corpus_report  # imported here, as it starts JAX and matplotlib

        workdir = paths.locate(WORKDIR.value)
        corpus_report.write(workdir, CORPUS.value, corpus, found)
        print(f"\nreport: {workdir / 'report.html'}")
    broken_clips.handle(list(corpus.unreadable.values()), BROKEN_CLIPS.value)
    broken_clips.check_nothing_vanished(manifest, manifest.select(list(corpus.measured)), BROKEN_CLIPS.value)
    return 0


def checked(path: Path, manifest: Manifest) -> int:
    """The exit code of the check of a feature table: 1 if it has faults."""
    from voxjax.pipeline import feature_table_check

    found = feature_table_check.check(path, manifest)
    print("\n".join(map(printable, found.lines)))
    return 1 if found.faults else 0


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
