"""Changes the source in small ways and counts how many of the changes a test notices (mutation testing).

python docs/results/mutation.py docs/results/reliability.json

The operators are mutmut's (`pip install mutmut==3.8.1`); `mutants.py` says what they are applied to. mutmut itself
starts from a copy of the package, which costs an import of JAX for each mutant. Here one process imports everything
that does not depend on the changed file, and each mutant is a fork of it that imports the changed source and runs the
tests of the file, the quickest first, until one fails. A mutant counts as killed if a test fails, if the tests can't
be imported, or if they take much longer than those of the source as it is.

Of each file as many mutants are drawn with `--seed`; the score of all files together weighs each file by the number of
all its mutants. Those that change nothing that can be observed are listed with the reason in
`mutation_equivalent.json`, and not drawn.
"""

import argparse
import ast
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.metadata
import json
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

import mutants

ROOT = pathlib.Path(__file__).resolve().parents[2]
EQUIVALENT = pathlib.Path(__file__).with_name("mutation_equivalent.json")
TESTS = {  # the quick tests of each file
    "voxjax/losses.py": ["tests/test_loss_values.py"],
    "voxjax/metrics/calibration.py": ["tests/metrics/test_calibration.py"],
    "voxjax/metrics/classification.py": ["tests/metrics/test_classification_values.py"],
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
    "voxjax/train/step.py": ["tests/train/test_step_reference.py", "tests/train/test_step_batch.py"],
    "voxjax/optim.py": ["tests/test_optim.py"],
}
PYTEST = ["-x", "-q", "-o", "addopts=", "--import-mode=importlib", "--assert=plain", "--tb=native"]
PYTEST += ["-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception", "-m", "not slow"]
OUTCOMES = {0: "survived", 1: "killed", 2: "killed"}  # by pytest's exit code


class Quickest:
    """Runs the tests that took least time first, remembers how long each takes, and may end at the first failure."""

    def __init__(self, seconds: dict[str, float], at_once: bool) -> None:
        self.seconds, self.at_once = seconds, at_once

    def pytest_collection_finish(self, session: Any) -> None:
        session.items.sort(key=lambda item: self.seconds.setdefault(item.nodeid, 0.0))

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        if self.at_once:  # describing the failure would take longer than the tests
            os._exit(1)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.setdefault(report.nodeid, 0.0) + report.duration


def in_child(limit_s: float, work: Callable[[], int]) -> int:
    """The exit code of a piece of work in a fork that is ended after so many seconds; -1 if it was."""
    gc.collect()
    gc.freeze()
    child = os.fork()
    if child == 0:
        gc.disable()
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
    """The modules that a file imports when it is imported, names in modules included."""
    found = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {".".join(name.split(".")[:count]) for name in found for count in range(1, name.count(".") + 2)}


def preload(file: str, tests: Sequence[str]) -> None:
    """Imports what the tests need, apart from the file and all that imports it, which must have been imported never.

    Classes that were imported once stay in caches of annotations under their names, even of modules that were removed.
    """
    paths = [*sorted((ROOT / "voxjax").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
    needs = {name_of(path): imports(path) for path in paths}
    dependent = {name_of(ROOT / file)}
    while more := {name for name, own in needs.items() if own & dependent} - dependent:
        dependent |= more
    done: set[str] = set()
    waiting = sorted(set.union(imports(ROOT / file), *(imports(ROOT / test) for test in tests)))
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        if name in dependent:
            waiting += sorted(needs[name])
        elif name in needs or not name.startswith(("voxjax", "tests")):
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(name)
    early = sorted(dependent & sys.modules.keys())
    if early:
        raise SystemExit(f"imported before their source was changed: {', '.join(early)}")


def name_of(path: pathlib.Path) -> str:
    """The name of a module of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


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

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    conftest.QUICK = False  # marked tests run here, and not in a process of their own, which would read the file anew
    if quiet:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
    return int(pytest.main([*PYTEST, *tests], plugins=[Quickest(seconds, at_once=quiet)]))


def durations(tests: Sequence[str], file: str) -> tuple[dict[str, float], float]:
    """Seconds of each test, and of all with their start, on the source as it is."""
    seconds: dict[str, float] = {}
    with tempfile.NamedTemporaryFile("w+") as answer:

        def work() -> int:
            use_source(file, (ROOT / file).read_text(encoding="utf-8"))
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


def drawn(files: Sequence[str], most: int, seed: int) -> dict[str, tuple[int, int, list[Any]]]:
    """Of each file the number of all mutants, of equivalent ones, and those to run, in the order of their lines."""
    table = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    chosen = {}
    for file in files:
        every = mutants.of_file(ROOT, file)
        each = [mutant for mutant in every if not mutants.is_equivalent(mutant, table)]
        kept = random.Random(f"{seed} {file}").sample(each, min(most, len(each)) if most else len(each))
        chosen[file] = len(every), len(every) - len(each), sorted(kept, key=lambda mutant: mutant.line)
    return chosen


def run_file(file: str, chosen: Sequence[Any], folder: pathlib.Path) -> list[dict[str, Any]]:
    """One row for each mutant of a file, run in a fork that imports nothing that depends on another file."""
    answer = folder / "rows.json"
    answer.unlink(missing_ok=True)

    def work() -> int:
        rows = []
        for mutant, outcome, seconds in outcomes(file, TESTS[file], chosen):
            rows.append({**mutant._asdict(), "outcome": outcome, "seconds": seconds})
            if outcome not in ("killed", "timed out"):
                print(f"{outcome} {file}:{mutant.line}\n  {mutant.before}\n  {mutant.after}", flush=True)
        answer.write_text(json.dumps(rows))
        return 0

    if in_child(7_200, work) != 0:
        raise SystemExit(f"{file} was not finished")
    return json.loads(answer.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=pathlib.Path, help="file of figures")
    parser.add_argument("--most", type=int, default=40, help="mutants of one file; 0 runs all")
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--only", default="", help="a part of the names of the files; the figures are then not written")
    arguments = parser.parse_args()
    from tests import conftest  # noqa: F401 - sets JAX up as for tests

    chosen = drawn([file for file in TESTS if arguments.only in file], arguments.most, arguments.seed)
    started, figures, survivors = time.monotonic(), {}, []
    with tempfile.TemporaryDirectory() as folder:
        for file, (every, equivalent, some) in chosen.items():
            rows = run_file(file, some, pathlib.Path(folder))
            counts = {name: sum(row["outcome"] == name for row in rows) for name in ("killed", "timed out", "survived")}
            score = (counts["killed"] + counts["timed out"]) / len(rows)
            figures[file] = {"all": every, "equivalent": equivalent, "run": len(rows), **counts, "score": score}
            survivors += [
                {name: row[name] for name in ("file", "line", "before", "after", "outcome")}
                for row in rows
                if row["outcome"] not in ("killed", "timed out")
            ]
            print(file, figures[file], flush=True)
    from voxjax.benchmarks.results_file import record
    from voxjax.metrics.proportions import wilson

    sizes = {file: one["all"] - one["equivalent"] for file, one in figures.items()}
    score = sum(sizes[file] * one["score"] for file, one in figures.items()) / sum(sizes.values())
    # A sample of equal probabilities that is worth as much as this one, in which those of short files are higher.
    worth = sum(sizes.values()) ** 2 / sum(sizes[file] ** 2 / one["run"] for file, one in figures.items())
    result = {
        "tool": f"mutmut {importlib.metadata.version('mutmut')} (operators), docs/results/mutation.py (runner)",
        "most_of_a_file": arguments.most,
        "seed": arguments.seed,
        "minutes": (time.monotonic() - started) / 60,
        "mutants": sum(one["all"] for one in figures.values()),
        "equivalent": sum(one["equivalent"] for one in figures.values()),
        "run": sum(one["run"] for one in figures.values()),
        "score": score,
        "score_ci": wilson(score, worth),
        "files": figures,
        "survivors": survivors,
    }
    print({name: value for name, value in result.items() if name not in ("files", "survivors")})
    if not arguments.only:
        record(arguments.target, "mutation", result)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
