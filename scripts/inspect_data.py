"""Reports on a corpus: counts, durations, levels, silence, clipping, duplicates and broken files."""

import json
from pathlib import Path

from absl import flags
from tqdm import tqdm

from voxjax.data import corpora, quality
from voxjax.edges import commands, files

CORPUS = flags.DEFINE_string("corpus", "demo", "A corpus, or several joined by '+'.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder a corpus (DIR/ravdess/Actor_01/…).")
OUT = flags.DEFINE_string("out", None, "Writes the report as JSON here too.")


def main() -> None:
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    manifest = corpora.load(CORPUS.value, data_dir, commands.cache_dir())
    with tqdm(total=len(manifest), desc="reading", unit="clip", disable=None) as bar:
        found = quality.inspect(manifest, bar.update)
    print(quality.text(found))
    if OUT.value:
        files.write(Path(OUT.value), json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    commands.run(main)
