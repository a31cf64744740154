"""Measures VoxJAX: speed, what its check of unlike recordings notices, and its timelines; one JSON line per figure.

voxjax benchmark --suite=ensemble
voxjax benchmark --suite=timeline --config=whisper_discriminant --config.corpus=ravdess \
    --config.protocol=speaker5 --data_dir=DATA --folds=5
voxjax benchmark --suite=domain --config=whisper_discriminant --config.corpus=ravdess \
    --config.protocol=speaker5 --data_dir=DATA --folds=5
"""

import json

from absl import flags

from voxjax.benchmarks import domain_shift, ensemble_step, timeline_accuracy
from voxjax.cli import encoder_flags, entrypoint
from voxjax.config import Config
from voxjax.pipeline.run_spec import resolve

SUITES = {
    "ensemble": ensemble_step.over_members,
    "domain": domain_shift.unlike_recordings,
    "timeline": timeline_accuracy.unseen_speakers,
}

SUITE = flags.DEFINE_enum("suite", "ensemble", list(SUITES), "What is measured.")
ROUNDS = flags.DEFINE_integer("rounds", 20, "How often each is timed.", lower_bound=1)
FOLDS = flags.DEFINE_integer("folds", 1, "Folds of the config's protocol that are members too.", lower_bound=1)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus, where the config names a real one.")

flags.adopt_module_key_flags(encoder_flags)


def main(config: Config) -> None:
    plan = ensemble_step.BenchmarkPlan(ROUNDS.value, FOLDS.value)
    spec = resolve(config, encoder_flags.run_paths(DATA_DIR.value))
    for figure in SUITES[SUITE.value](spec, plan):
        print(json.dumps(figure, allow_nan=False), flush=True)


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_with_config(main, default="ensemble")
