"""Downloads and verifies a corpus or the weights of an encoder; run again, it continues.

voxjax download --corpus=ravdess --data_dir=DATA
voxjax download --encoder=whisper_tiny_en
"""

from collections.abc import Iterator
from pathlib import Path

from absl import flags

from voxjax.cli import entrypoint
from voxjax.errors import UsageError, mismatch

CORPUS = flags.DEFINE_string("corpus", None, "A corpus, or several joined by '+'; --list prints them.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Will hold one folder per corpus (DIR/ravdess/Actor_01/…).")
ENCODER = flags.DEFINE_string("encoder", None, "A pretrained encoder, or several joined by '+'; --list prints them.")
WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "Will hold encoders; else VOXJAX_WEIGHTS, else the cache.")
LIST = flags.DEFINE_boolean("list", False, "Lists corpora and encoders with their sizes and licences.")
MIRROR = flags.DEFINE_string("mirror", "", "Another base address for the same files: MIRROR/HOST/PATH.")
TIMEOUT_S = flags.DEFINE_float("timeout_s", 60.0, "Seconds to wait for a silent host.", lower_bound=0.1)


def main() -> None:
    for line in _listing() if LIST.value else _fetched():
        print(line, flush=True)


def _listing() -> Iterator[str]:
    from voxjax.downloads import corpora as corpus_downloads  # imported here, so that --help is fast
    from voxjax.downloads import encoder_weights as encoder_downloads

    yield from ("corpora (--corpus)", *corpus_downloads.listing(Path(DATA_DIR.value or ".")))
    yield from (
        "",
        "encoders (--encoder)",
        *encoder_downloads.listing(encoder_downloads.weights_folder(WEIGHTS_DIR.value)),
    )


def _fetched() -> Iterator[str]:
    from voxjax.downloads import corpora as corpus_downloads
    from voxjax.downloads import encoder_weights as encoder_downloads
    from voxjax.downloads.http import RetryPolicy

    policy = RetryPolicy(TIMEOUT_S.value)
    match (CORPUS.value, ENCODER.value):
        case (None, str(names)):
            folder = encoder_downloads.weights_folder(WEIGHTS_DIR.value)
            return encoder_downloads.download(names, folder, policy, MIRROR.value)
        case (str(names), None) if DATA_DIR.value:
            return corpus_downloads.download(names, Path(DATA_DIR.value), policy, MIRROR.value)
        case (str(), None):
            raise UsageError(mismatch("voxjax download", "--data_dir=DIR with --corpus", "none", "add it"))
    do, found = "add one of them (--list prints the names)", "both" if CORPUS.value else "neither"
    raise UsageError(mismatch("voxjax download", "--corpus=NAME or --encoder=NAME", found, do))


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
