"""Fetches a corpus, verified; run again, it goes on: `python scripts/download.py --corpus=ravdess --data_dir=DIR`."""

from pathlib import Path

from absl import flags

from voxjax.edges import commands
from voxjax.errors import UsageError, mismatch

CORPUS = flags.DEFINE_string("corpus", None, "A corpus, or several joined by '+'; --list names them.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Will hold one folder a corpus (DIR/ravdess/Actor_01/…).")
LIST = flags.DEFINE_boolean("list", False, "Lists the corpora with their sizes and licences.")
MIRROR = flags.DEFINE_string("mirror", "", "Another base address for the same files: MIRROR/HOST/PATH.")
TIMEOUT_S = flags.DEFINE_float("timeout_s", 60.0, "Seconds a silent host is waited for.", lower_bound=0.1)


def main() -> None:
    from voxjax.edges import download  # only now, so that --help answers at once
    from voxjax.edges.fetch import Patience

    data_dir = Path(DATA_DIR.value or ".")
    if LIST.value:
        print("\n".join(download.listing(data_dir)))
        return
    if not CORPUS.value or not DATA_DIR.value:
        do = "add both; --list names the corpora"
        raise UsageError(mismatch("download.py", "--corpus=NAME and --data_dir=DIR", "one without a value", do))
    for line in download.download(CORPUS.value, data_dir, Patience(TIMEOUT_S.value), MIRROR.value):
        print(line, flush=True)


if __name__ == "__main__":
    commands.run(main)
