"""Reports on a trained model over a corpus.

voxjax evaluate --model=runs/optimized/model --corpus=folder --data_dir=DATA --workdir=runs/evaluation
"""

from pathlib import Path

from absl import flags

from voxjax.cli import adaptation_flags, entrypoint
from voxjax.data import broken_clips, label_mapping
from voxjax.storage import paths

MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the default model if not given.")
CORPUS = flags.DEFINE_string("corpus", "demo", "A corpus, or several joined by '+'.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", "runs/evaluation", "Where report/ is written.")
ROBUSTNESS = flags.DEFINE_boolean("robustness", False, "Tests again under noise, reverberation, telephone and more.")
BROKEN_CLIPS = flags.DEFINE_enum("broken_clips", "stop", broken_clips.POLICIES, broken_clips.HELP)
LABELS = flags.DEFINE_enum(
    "labels", "own", label_mapping.LABEL_SETS, "Labels that are tested: the model's own, a set, or those both share."
)
MAP = flags.DEFINE_string(
    "map", "", "What labels count as, of clips and answers: Wut=angry,calm=neutral; disgust= leaves one out."
)
SEED = flags.DEFINE_integer("seed", 0, "Of what --robustness draws.")


def main() -> None:
    from voxjax.downloads import hub
    from voxjax.experiments import evaluate, robustness  # imported here, so that --help and wrong use answer at once
    from voxjax.reporting import run_report

    model = hub.model_path(MODEL.value) if MODEL.value else None
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    workdir = paths.locate(WORKDIR.value)
    seed = SEED.value if ROBUSTNESS.value else None
    adapted = (adaptation_flags.ADAPT.value, adaptation_flags.ENROL.value)
    choices = (BROKEN_CLIPS.value, seed, LABELS.value, MAP.value, *adapted)
    request = evaluate.Request(model, CORPUS.value, data_dir, workdir, paths.cache_dir(), *choices)
    figures = evaluate.evaluate(request)
    print(run_report.printout(figures))
    if "robustness" in figures:
        print(robustness.printout(figures["robustness"]))
        print(f"plot: {workdir / 'report' / 'robustness.png'}")
    print(f"report: {workdir / 'report' / 'report.html'}")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
