"""What the bits of trained weights depend on: the same command again, other cores, other settings of XLA."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voxjax.artifacts import model_folder
from voxjax.benchmarks.soak import small_corpus
from voxjax.evaluation import compare_runs
from voxjax.storage import paths

_TAKES = 4  # clips of each label and speaker
_RUN = (
    "--config.corpus=folder", "--config.protocol=random5", "--config.train.epochs=6", "--config.train.batch_size=8",
    "--config.train.valid_fraction=0.2", "--config.train.checkpoint_every_epochs=3",
)  # fmt: skip
_NETWORK = ("--config=optimized", *_RUN)
_ENSEMBLE = (
    "--config=baseline", "--config.n_members=3", "--config.model.filters=(8,8)", "--config.model.dense=(8,)", *_RUN
)  # fmt: skip


class Variant(NamedTuple):
    """A way to run a command, which is compared with the plain way."""

    name: str
    command: tuple[str, ...]
    cores: int | None = None  # None for all of this process
    xla_flags: str = ""
    more: tuple[str, ...] = ()  # flags of VoxJAX


VARIANTS = (
    Variant("one_core", _NETWORK, cores=1),
    Variant("one_thread_of_eigen", _NETWORK, xla_flags="--xla_cpu_multi_thread_eigen=false"),
    Variant("least_optimised_by_xla", _NETWORK, xla_flags="--xla_backend_optimization_level=0"),
    Variant("vmap_in_place_of_unroll", _ENSEMBLE, more=("--config.member_execution=vmap",)),
    Variant("ensemble_on_one_core", _ENSEMBLE, cores=1),
)


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Trains small networks under one command again and in other ways, and compares weights and predictions.

    Args:
        folder: an empty one, for all that it writes.
        count: of further runs of each plain command.
        seed: of the runs.

    Returns:
        `same_command`: of how many runs all weights and predictions were equal to those of the first, bit for bit; and
        for each variant whether it was, with the largest differences.
    """
    small_corpus.write(folder / "data" / "folder", _TAKES)

    def run(variant: Variant, name: str) -> Path:
        workdir = folder / name
        _train(folder, variant, workdir, seed)
        return workdir

    plain = {command: run(Variant("", command), f"plain{i}") for i, command in enumerate((_NETWORK, _ENSEMBLE))}
    again = [
        _compared(first, run(Variant("", command), f"{first.name}_again{i}"))
        for command, first in plain.items()
        for i in range(count)
    ]
    variants = {one.name: _compared(plain[one.command], run(one, one.name)) for one in VARIANTS if _possible(one)}
    equal = sum(one["weights_equal"] and one["predictions_equal"] for one in again)
    return {
        "cores": _cores(),
        "seed": seed,
        "same_command": {"runs": len(again), "equal_to_the_first": equal},
        "compared_with_the_plain_command": variants,
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _possible(variant: Variant) -> bool:
    """Only Linux restricts a process to some cores, and one core is another number only where there are more."""
    return variant.cores is None or (sys.platform == "linux" and variant.cores < _cores())


def _train(folder: Path, variant: Variant, workdir: Path, seed: int) -> None:
    """Runs the command in a process of its own, without compiled programs of another one.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    cache = folder / f"cache_{workdir.name}"
    changes = {"VOXJAX_CACHE": str(cache), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": variant.xla_flags}
    flags = (f"--config.seed={seed}", f"--data_dir={folder / 'data'}", f"--workdir={workdir}", *variant.more)
    command = [sys.executable, "-m", "voxjax", "train", *variant.command, *flags]
    restrict: Callable[[], None] | None = None
    if variant.cores is not None and sys.platform == "linux":
        few = sorted(os.sched_getaffinity(0))[: variant.cores]
        restrict = lambda: os.sched_setaffinity(0, few)  # noqa: E731
    subprocess.run(
        command, env=paths.environment(changes), check=True, capture_output=True, text=True, preexec_fn=restrict
    )


def _compared(first: Path, second: Path) -> dict[str, Any]:
    """Whether two runs have the same bits, and the largest differences of weights and of probabilities."""
    files = [run / "model" / "weights.safetensors" for run in (first, second)]
    tables = [run / "report" / "predictions.csv" for run in (first, second)]
    answers = [compare_runs.read(run).probabilities for run in (first, second)]
    weights = [_flat(run / "model") for run in (first, second)]
    return {
        "weights_equal": files[0].read_bytes() == files[1].read_bytes(),
        "predictions_equal": tables[0].read_bytes() == tables[1].read_bytes(),
        "largest_difference_of_a_weight": float(np.abs(weights[0] - weights[1]).max()),
        "largest_weight": float(np.abs(weights[0]).max()),
        "largest_difference_of_a_probability": float(np.abs(answers[0] - answers[1]).max()),
        "same_answers": float(np.mean(answers[0].argmax(-1) == answers[1].argmax(-1))),
    }


def _flat(model: Path) -> np.ndarray:
    """All parameters of a model's members, one after the other."""
    trees = [member.variables["params"] for member in model_folder.load(model).members]
    return np.concatenate([leaf.ravel() for leaf in _leaves(trees)])


def _leaves(tree: Any) -> list[np.ndarray]:
    if isinstance(tree, np.ndarray):
        return [tree]
    return [leaf for one in (tree.values() if hasattr(tree, "values") else tree) for leaf in _leaves(one)]
