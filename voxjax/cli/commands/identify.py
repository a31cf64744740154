"""Adds to a model folder of an older format which recordings and people it was trained on.

voxjax identify --model=runs/optimized/model --corpus=ravdess --data_dir=DATA
"""

from pathlib import Path

from absl import flags

from voxjax.cli import entrypoint
from voxjax.errors import UsageError, mismatch
from voxjax.storage import paths

MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model.")
CORPUS = flags.DEFINE_string("corpus", None, "The corpus that it was trained on, or several joined by '+'.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")


def main() -> None:
    from voxjax.experiments import add_identity  # imported here, so that --help and wrong use answer at once

    if not MODEL.value or not CORPUS.value:
        do = "name the model and the corpus that it was trained on"
        raise UsageError(mismatch("voxjax identify", "--model and --corpus", "one of them or none", do))
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    known = add_identity.add_identity(paths.locate(MODEL.value), CORPUS.value, data_dir, paths.cache_dir())
    print(f"{MODEL.value}: {len(known.digests)} recordings of {len(known.people)} people")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
