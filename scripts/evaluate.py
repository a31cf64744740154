"""Reports on a trained model over a corpus: `python scripts/evaluate.py --model=DIR --corpus=NAME`."""

from pathlib import Path

from absl import flags

from voxjax.edges import commands, evaluate, report

MODEL = flags.DEFINE_string("model", None, "The model folder; the one that comes with VoxJAX where not given.")
CORPUS = flags.DEFINE_string("corpus", "demo", "A corpus, or several joined by '+'.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder a corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", "runs/evaluation", "Where report/ is written.")


def main() -> None:
    model = Path(MODEL.value) if MODEL.value else None
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    workdir = Path(WORKDIR.value)
    figures = evaluate.evaluate(model, CORPUS.value, data_dir, workdir, commands.cache_dir())
    print(report.printout(figures))
    print(f"report: {workdir / 'report' / 'report.html'}")


if __name__ == "__main__":
    commands.run(main)
