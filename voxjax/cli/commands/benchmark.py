"""Measures VoxJAX: speed, what its check of unlike recordings notices, and its timelines; one JSON line per figure.

voxjax benchmark --suite=step --peers=keras,torch,torch_compile
voxjax benchmark --suite=features --peers=librosa
voxjax benchmark --suite=start
voxjax benchmark --suite=predict
voxjax benchmark --suite=scale
voxjax benchmark --suite=ensemble
voxjax benchmark --suite=timeline --config=whisper_discriminant --config.corpus=ravdess \
    --config.protocol=speaker5 --data_dir=DATA --folds=5
voxjax benchmark --suite=domain --config=whisper_discriminant --config.corpus=ravdess \
    --config.protocol=speaker5 --data_dir=DATA --folds=5
"""

import json

from absl import flags

from voxjax.benchmarks import (
    against_peers,
    domain_shift,
    ensemble_step,
    first_answers,
    scaling,
    timeline_accuracy,
)
from voxjax.benchmarks.peers import PEERS
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.cli import encoder_flags, entrypoint
from voxjax.config import Config
from voxjax.errors import UsageError, mismatch
from voxjax.pipeline.run_spec import resolve

SUITES = {
    "step": against_peers.training_step,
    "features": against_peers.features,
    "start": first_answers.start,
    "predict": first_answers.predict,
    "scale": scaling.scale,
    "ensemble": ensemble_step.over_members,
    "domain": domain_shift.unlike_recordings,
    "timeline": timeline_accuracy.unseen_speakers,
}

SUITE = flags.DEFINE_enum(
    "suite", "ensemble", list(SUITES), "What is measured; only ensemble, domain and timeline use --config."
)
ROUNDS = flags.DEFINE_integer("rounds", 20, "How often each is timed.", lower_bound=1)
WITH = flags.DEFINE_list(
    "peers", [], f"Other libraries that do the same work in turn, of --suite=step and features: {', '.join(PEERS)}."
)
SECONDS = flags.DEFINE_float("seconds", 3600.0, "Length of the long recording of --suite=predict.", lower_bound=60.0)
FILES = flags.DEFINE_integer("files", 256, "Clips in the folder of --suite=predict.", lower_bound=1)
LARGEST = flags.DEFINE_integer("largest", 8, "The most members and devices of --suite=scale.", lower_bound=1)
FOLDS = flags.DEFINE_integer("folds", 1, "Folds of the config's protocol that are members too.", lower_bound=1)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus, where the config names a real one.")

flags.adopt_module_key_flags(encoder_flags)


def main(config: Config) -> None:
    if WITH.value and SUITE.value not in {peer.suite for peer in PEERS.values()}:
        do = "leave --peers out, or name --suite=step or --suite=features"
        raise UsageError(mismatch("--peers", f"none with --suite={SUITE.value}", ",".join(WITH.value), do))
    plan = BenchmarkPlan(ROUNDS.value, FOLDS.value, tuple(WITH.value), SECONDS.value, FILES.value, LARGEST.value)
    spec = resolve(config, encoder_flags.run_paths(DATA_DIR.value))
    for figure in SUITES[SUITE.value](spec, plan):
        print(json.dumps(figure, allow_nan=False), flush=True)


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_with_config(main, default="ensemble")
