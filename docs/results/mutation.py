"""Changes the source in small ways and counts how many of the changes a test notices (mutation testing).

python docs/results/mutation.py docs/results/reliability.json

The operators are mutmut's (`pip install mutmut==3.8.1`); `mutants.py` says what they are applied to. mutmut itself
starts from a copy of the package, which costs an import of JAX for each mutant. Here one process imports everything
that does not depend on the changed file, and each mutant is a fork of it that imports the changed source and runs the
tests of the file, the quickest first, until one fails. A mutant counts as killed if a test fails, if the tests can't
be imported, or if they take much longer than those of the source as it is.

Each file gives as many of its mutants, drawn with `--seed`, as its share of the whole. Those that change nothing that
can be observed are listed with the reason in `mutation_equivalent.json`.
"""

import argparse
import ast
import importlib
import importlib.machinery
import importlib.metadata
import json
import math
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
EQUIVALENT = pathlib.Path(__file__).with_name("mutation_equivalent.json")
TESTS = {  # the quick tests of each file
    "voxjax/losses.py": ["tests/test_losses.py"],
    "voxjax/metrics/calibration.py": ["tests/metrics/test_calibration.py"],
    "voxjax/metrics/classification.py": ["tests/metrics/test_classification.py"],
    "voxjax/metrics/domain_distance.py": ["tests/metrics/test_domain_distance.py"],
    "voxjax/metrics/few_units.py": ["tests/metrics/test_few_units.py"],
    "voxjax/metrics/proportions.py": ["tests/metrics/test_proportions.py"],
    "voxjax/metrics/segmentation.py": ["tests/metrics/test_segmentation.py"],
    "voxjax/metrics/selective.py": ["tests/metrics/test_selective.py"],
    "voxjax/metrics/significance.py": ["tests/metrics/test_significance.py"],
    "voxjax/metrics/soft_voting.py": ["tests/metrics/test_soft_voting.py"],
    "voxjax/data/splits.py": ["tests/data/test_split_values.py", "tests/data/test_splits.py"],
    "voxjax/data/guard.py": ["tests/data/test_guard.py"],
    "voxjax/audio/features.py": ["tests/audio/test_feature_values.py"],
    "voxjax/train/step.py": ["tests/train/test_step_reference.py"],
    "voxjax/optim.py": ["tests/test_optim.py"],
}
PYTEST = ["-x", "-q", "-o", "addopts=", "--import-mode=importlib", "--assert=plain", "-p", "no:xdist"]
PYTEST += ["-p", "no:cacheprovider", "-m", "not slow"]
OUTCOMES = {0: "survived", 1: "killed", 2: "killed"}  # by pytest's exit code


class Quickest:
    """Runs the tests that took least time first, and remembers how long each takes."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    def pytest_collection_finish(self, session: Any) -> None:
        session.items.sort(key=lambda item: self.seconds.setdefault(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.setdefault(report.nodeid, 0.0) + report.duration


def in_child(limit_s: float, work: Callable[[], int]) -> int:
    """The exit code of a piece of work in a fork that is ended after so many seconds; -1 if it was."""
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            code = work()
        except BaseException:
            traceback.print_exc()
            code = 70
        os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return -1 if os.WTERMSIG(status) == signal.SIGALRM else 1
    return os.WEXITSTATUS(status)


def imports(path: pathlib.Path) -> set[str]:
    """The modules that a file may import, names in modules included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def preload(file: str, tests: Sequence[str]) -> None:
    """Imports what the tests need, apart from the file and the modules that import it."""
    for test in tests:
        for name in sorted(imports(ROOT / test)):
            if importlib.util.find_spec(name.partition(".")[0]):
                try:
                    importlib.import_module(name)
                except ModuleNotFoundError:
                    continue
    mine = file.removesuffix(".py").replace("/", ".")
    known = {
        name: imports(pathlib.Path(module.__file__))
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in ("voxjax", "tests") and name != "tests.conftest" and module.__file__
    }
    dependent = {mine}
    while more := {name for name, needs in known.items() if needs & dependent} - dependent:
        dependent |= more
    for name in dependent & sys.modules.keys():
        del sys.modules[name]
        package, _, leaf = name.rpartition(".")
        vars(sys.modules.get(package, os)).pop(leaf, None)


def use_source(file: str, source: str) -> None:
    """Has the next import of a file read this source."""
    read, path = importlib.machinery.SourceFileLoader.get_data, str(ROOT / file)
    compiled = f"{pathlib.Path(file).stem}."

    def get_data(self: Any, wanted: str) -> bytes:
        if wanted == path:
            return source.encode()
        if self.path == path and pathlib.Path(wanted).name.startswith(compiled):
            raise OSError("the source was changed")
        return read(self, wanted)

    importlib.machinery.SourceFileLoader.get_data = get_data  # type: ignore[method-assign]
    sys.dont_write_bytecode = True


def run_tests(tests: Sequence[str], seconds: dict[str, float], quiet: bool = True) -> int:
    import pytest

    from tests import conftest

    conftest.QUICK = False  # marked tests run here, and not in a process of their own, which would read the file anew
    if quiet:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
    return int(pytest.main([*PYTEST, *tests], plugins=[Quickest(seconds)]))


def durations(tests: Sequence[str], file: str) -> tuple[dict[str, float], float]:
    """Seconds of each test, and of all with their start, on the source as it is."""
    seconds: dict[str, float] = {}
    with tempfile.NamedTemporaryFile("w+") as answer:

        def work() -> int:
            code = run_tests(tests, seconds, quiet=False)
            pathlib.Path(answer.name).write_text(json.dumps(seconds))
            return code

        for _ in range(2):  # the first fills the cache of compiled programs
            started = time.monotonic()
            if in_child(1200, work) != 0:
                raise SystemExit(f"the tests of {file} fail before anything is changed")
            took = time.monotonic() - started
        return json.loads(answer.read()), took


def outcomes(file: str, tests: Sequence[str], mutants: Sequence[Any]) -> Iterator[tuple[Any, str, float]]:
    """What becomes of each mutant, and the seconds it took."""
    preload(file, tests)
    seconds, whole = durations(tests, file)
    print(f"{file}: {len(mutants)} mutants, {len(seconds)} tests in {whole:.1f} s", flush=True)
    for mutant in mutants:

        def work(mutant: Any = mutant) -> int:
            use_source(file, mutant.source)
            return run_tests(tests, seconds)

        started = time.monotonic()
        code = in_child(20.0 + 4.0 * whole, work)
        took = time.monotonic() - started
        yield mutant, "timed out" if code == -1 else OUTCOMES.get(code, f"error {code}"), took
