"""Time and memory of whole processes: the first step and the first answer, a folder, and an hour of sound."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from voxjax.benchmarks import feature_clips, workers, workloads
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.benchmarks.workers import Participant
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline.run_spec import RunSpec


def start(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """From the call of a training step to its first result, and a command's help and first answer: cold, then warm.

    Cold is with an empty cache of compiled programs, warm with those of the run before. The config is not used.

    Yields:
        A figure each: seconds of wall time and of processors, and memory.
    """
    del spec
    with _folder() as folder:
        # As `voxjax` itself sets them.
        kept = {
            "JAX_COMPILATION_CACHE_DIR": str(folder / "programs"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        }
        participant = Participant("voxjax", workloads.STEP, environment=kept)
        for state in ("cold", "warm"):
            timing = workers.timed([participant], 0)["voxjax"]
            yield _figure("start", f"first_step_{state}", {"wall_s": timing.first_s})
        yield _figure("start", "help_warm", _median([_call(["predict", "--help"], {}) for _ in range(plan.rounds)]))
        sound = folder / "clip.wav"
        soundfile.write(sound, feature_clips.clip(0), feature_clips.RATE_HZ)
        cache = {"VOXJAX_CACHE": str(folder / "cache")}
        yield _figure("start", "predict_cold", _call(["predict", str(sound)], cache))
        warm = [_call(["predict", str(sound)], cache) for _ in range(plan.rounds)]
        yield _figure("start", "predict_warm", _median(warm))


def predict(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """A folder of short clips and one long recording, with the model that VoxJAX comes with: the config is not used.

    Yields:
        A figure each, with how many times faster than real time it is.
    """
    del spec
    clips = feature_clips.clips()
    with _folder() as folder:
        (folder / "clips").mkdir()
        for i in range(plan.files):
            soundfile.write(folder / "clips" / f"{i}.wav", clips[i % len(clips)], feature_clips.RATE_HZ)
        for minutes in (1, plan.seconds / 60):  # the first shows what memory a long one adds
            _long_recording(folder / f"{minutes:g}.wav", 60 * minutes, clips)
        cache = {"VOXJAX_CACHE": str(folder / "cache")}
        work = {
            "folder": (["predict", "--format=jsonl", str(folder / "clips")], plan.files * feature_clips.SECONDS),
            "minute": (["timeline", str(folder / "1.wav"), f"--out={folder}/1.csv"], 60.0),
            "long": (
                ["timeline", str(folder / f"{plan.seconds / 60:g}.wav"), f"--out={folder}/long.csv"],
                plan.seconds,
            ),
        }
        for name, (arguments, seconds) in work.items():
            _call(arguments, cache)  # compiles its programs
            measured = _median([_call(arguments, cache) for _ in range(plan.rounds)])
            speed = {"sound_s": seconds, "times_real_time": seconds / measured["wall_s"]}
            yield _figure("predict", name, {**measured, **speed})


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="voxjax-benchmark-") as name:
        yield Path(name)


def _long_recording(path: Path, seconds: float, clips: Sequence[np.ndarray]) -> None:
    """Clips one after the other, with half a second of faint noise between them."""
    rate_hz, random = feature_clips.RATE_HZ, np.random.default_rng(0)
    left = round(seconds * rate_hz)
    with soundfile.SoundFile(path, "w", rate_hz, 1) as file:
        i = 0
        while left > 0:
            pause = 1e-4 * random.normal(size=rate_hz // 2).astype(np.float32)
            part = np.concatenate([clips[i % len(clips)], pause])[:left]
            file.write(part)
            left, i = left - len(part), i + 1


def _call(arguments: Sequence[str], changes: Mapping[str, str]) -> dict[str, float]:
    """Wall time, processor time and memory of a command in a process of its own.

    Raises:
        VoxJaxError: if it fails.
    """
    command = [sys.executable, "-m", "voxjax.benchmarks.measured_call", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=workers.environment(changes), check=True)
    figures = json.loads(done.stdout)
    code, last = figures.pop("code"), figures.pop("last")
    if code:
        raise VoxJaxError(mismatch(f"voxjax {arguments[0]}", "exit code 0", last, "run that command by itself"))
    return figures


def _median(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure, and the minimum of the wall time."""
    each = {name: float(np.median([one[name] for one in measured])) for name in measured[0]}
    return {**each, "min_wall_s": min(one["wall_s"] for one in measured), "calls": len(measured)}


def _figure(suite: str, name: str, measured: Mapping[str, float]) -> dict[str, Any]:
    return {"suite": suite, "figure": name, **measured, **workers.machine()}
