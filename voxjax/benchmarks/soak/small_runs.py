"""Commands that end within seconds, for campaigns that run them many times, and what they leave."""

import hashlib
import random
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from voxjax.benchmarks.soak import small_corpus
from voxjax.benchmarks.soak.calls import Call, ForkedCall

_QUICK = (  # XLA's settings with which compiling is quickest
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
)
_FORKED = 0.75  # of all calls
_FLAGS = (
    "--config.corpus=folder", "--config.protocol=random5", "--config.features.mels=16",
    "--config.features.channels=logmel", "--config.train.batch_size=8", "--config.train.valid_fraction=0.2",
    "--config.train.checkpoint_every_epochs=1", "--config.train.epochs=4",
    "--config.member_execution=unroll",  # and not what is faster at the moment
)  # fmt: skip
_BASELINE = ("--config=baseline", "--config.model.filters=(4,)", "--config.model.dense=(6,)", *_FLAGS)


class Work(NamedTuple):
    """A command, and the files that it is run for."""

    first: tuple[str, ...]  # arguments of `voxjax`
    again: tuple[str, ...]  # arguments that go on after an interruption
    results: tuple[str, ...]  # patterns below its folder


class Bench:
    """A corpus, a model and a cache, for commands that run in folders of their own."""

    def __init__(self, folder: Path) -> None:
        """Writes the corpus and trains the model.

        Raises:
            subprocess.CalledProcessError: if training fails.
        """
        self._folder = folder
        self.cache = folder / "cache"
        small_corpus.write(self._clips)
        self._calls = 0
        self._lives: dict[str | tuple[str, bool, bool], float] = {}  # seconds of commands, and of kinds of their calls
        self.finish(self.works(folder / "trained")["train"].first, forked=False)
        predict, seconds = self.works(folder / "timed")["predict"].first, []
        for forked in (True, True, False):  # the first one starts the process that is forked
            started = time.monotonic()
            self.finish(predict, forked=forked)
            seconds.append(time.monotonic() - started)
        self.imports_s = max(0.0, seconds[2] - seconds[1])

    @property
    def _clips(self) -> Path:
        return self._folder / "corpus" / "folder"

    def works(self, place: Path) -> dict[str, Work]:
        """The commands by name, each writing to the folder `place`."""
        own = (f"--data_dir={self._folder / 'corpus'}", f"--workdir={place}")
        ensemble = (*_BASELINE, "--config.n_members=2", *own)
        model = f"--model={self._folder / 'trained' / 'model'}"
        predict = ("predict", str(self._clips), model, "--format=jsonl", f"--out={place / 'answers.jsonl'}")
        timeline = ("timeline", str(self._clips), model, "--format=vtt", f"--out={place}")
        folds = ("crossval", *_BASELINE, "--parallel_folds=3", *own)
        trained = ("model/weights.safetensors", "report/predictions.csv")
        return {
            "train": Work(("train", *_BASELINE, *own), ("train", *_BASELINE, *own, "--resume"), trained),
            "ensemble": Work(("train", *ensemble), ("train", *ensemble, "--resume"), trained),
            "crossval": Work(folds, (*folds, "--resume"), trained[1:]),
            "predict": Work(predict, predict, ("answers.jsonl",)),
            "timeline": Work(timeline, (*timeline, "--overwrite"), ("**/*.vtt",)),
        }

    def start(self, arguments: Sequence[str], *, forked: bool) -> Call:
        """Starts a command, in a process of its own with or without its imports."""
        changes = {"VOXJAX_CACHE": str(self.cache), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": _QUICK}
        changes |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self._folder / "bytecode")}
        self._calls += 1
        return (ForkedCall if forked else Call)(arguments, changes, self._folder / f"errors-{self._calls}")

    def interrupted(
        self, draws: random.Random, name: str, work: Work, number: int, *, resumed: bool, times: int = 1
    ) -> "Interrupted":
        """Starts a command and sends it a signal at a random moment of its life; three of four calls are forked.

        How long it lives is learnt from calls that have ended before.
        """
        forked = draws.random() < _FORKED
        kind = (name, resumed, forked)
        moment = draws.uniform(0.0, self._lives.setdefault(kind, self._lives[name] + (not forked) * self.imports_s))
        call, started = self.start(work.again if resumed else work.first, forked=forked), time.monotonic()
        code = call.ended(moment)
        if code is not None:
            self._lives[kind] = 1.2 * (time.monotonic() - started)
            return Interrupted(forked, moment, False, code, call.errors())
        for _ in range(times):
            call.signal(number)
        code = call.ended()
        assert code is not None
        return Interrupted(forked, moment, True, code, call.errors())

    def finish(self, arguments: Sequence[str], *, forked: bool = True) -> str:
        """Runs a command to its end; returns what it wrote to standard error.

        Raises:
            subprocess.CalledProcessError: if it fails.
        """
        call = self.start(arguments, forked=forked)
        code = call.ended()
        if code:
            raise subprocess.CalledProcessError(code, list(arguments), "", call.errors())
        return call.errors()

    def unbroken(self, name: str, place: Path) -> "Unbroken":
        """Runs a command to its end in the folder `place`."""
        work, started = self.works(place)[name], time.monotonic()
        err = self.finish(work.first)
        self._lives[name] = seconds = time.monotonic() - started
        if "--resume" not in work.again:  # which writes no further lines
            err += self.finish(work.again)
        usual = {_pattern(line) for line in err.splitlines()}
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        return Unbroken(digest(place, work), seconds, size // 1024, frozenset(usual))

    def completed(self, work: Work) -> str:
        """Goes on with an interrupted command to its end; the last line of standard error where that fails."""
        try:
            self.finish(work.again)
        except subprocess.CalledProcessError as error:
            return (str(error.stderr).strip().splitlines() or ["no line"])[-1]
        return ""

    def forget_clips(self) -> None:
        """Removes from the cache all but compiled programs, so that the next command writes it again."""
        for path in self.cache.rglob("*"):
            if path.is_file() and path.relative_to(self.cache).parts[0] != "xla":
                path.unlink()


class Interrupted(NamedTuple):
    """A call that was to get a signal."""

    forked: bool
    moment_s: float
    delivered: bool  # False where the call had ended before its moment
    code: int
    errors: str


class Unbroken(NamedTuple):
    """A command that nothing interrupted."""

    digest: str
    seconds: float
    kilobytes: int  # that it wrote
    usual: frozenset[str]  # patterns of its lines on standard error

    def further(self, err: str) -> list[str]:
        """The lines on standard error that an unbroken command does not write."""
        return [line for line in err.splitlines() if _pattern(line) not in self.usual]


def _pattern(line: str) -> str:
    """A line of progress without its figures, its folder, and the times that a slow machine adds."""
    return re.sub(r"(, about .* left|, trained in .*| --logdir=.*)$", "", re.sub(r"[\d.]+", "0", line))


def digest(place: Path, work: Work) -> str:
    """SHA-256 of the results in a folder, their names included; empty where one kind of them is missing."""
    found = hashlib.sha256()
    for pattern in work.results:
        files = sorted(path for path in place.glob(pattern) if path.is_file())
        if not files:
            return ""
        for path in files:
            found.update(f"{path.relative_to(place)}\n".encode() + path.read_bytes())
    return found.hexdigest()


def temporary_files(*folders: Path) -> list[str]:
    """Names of temporary files, folders and locks that no process should leave, below the folders."""
    every = (path for folder in folders for path in folder.rglob("*"))
    hidden = [path for path in every if path.name.startswith(".") or ".orbax-checkpoint-tmp" in path.name]
    logs = [path for folder in folders for path in folder.rglob("*.progress")]
    return sorted(str(path) for path in [*hidden, *logs])
