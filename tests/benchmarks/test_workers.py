"""Participants in processes of their own: turns, ratios, and one line where one fails."""

import subprocess
import sys
import time

import numpy as np
import pytest

from voxjax.benchmarks import against_peers, feature_clips, scaling, workers
from voxjax.benchmarks.peers import PEERS
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.benchmarks.workers import Participant
from voxjax.errors import UsageError, VoxJaxError

WORK = "tests.benchmarks.counted_work"


def test_participants_take_turns_and_are_compared_by_their_medians():
    slow, fast = Participant("voxjax", WORK, {"seconds": 0.06}), Participant("other", WORK, {"seconds": 0.02})
    timings = workers.timed([slow, fast], rounds=2)
    rows = {row["who"]: row for row in workers.figures("step", "step_ms", timings, {"batch": 32})}
    assert list(rows) == ["voxjax", "other"] and rows["voxjax"]["ratio"] == 1.0
    assert 60 <= rows["voxjax"]["min_ms"] <= rows["voxjax"]["median_ms"] < 600
    assert rows["other"]["ratio"] == pytest.approx(rows["voxjax"]["median_ms"] / rows["other"]["median_ms"])
    assert rows["other"]["calls"] == 2 * 5 and rows["other"]["batch"] == 32 and rows["other"]["first_s"] >= 0.02
    assert rows["other"]["versions"] == {"numpy": np.__version__} and rows["other"]["memory_mib"] > 5
    assert rows["other"]["load"] >= 0 and rows["other"]["processors"] >= 1


def test_processes_of_a_participant_end_with_it():
    began = time.monotonic()
    timings = workers.timed([Participant("voxjax", WORK, {"seconds": 0.0, "processes": 2})], rounds=1)
    assert len(timings["voxjax"].seconds) == 5
    assert time.monotonic() - began < workers._LEAVES_WITHIN_S, "it had to be killed"


@pytest.mark.parametrize("call", [1, 2, 5])
def test_a_participant_that_fails_is_one_line(call):
    with pytest.raises(VoxJaxError, match=r"other: expected an answer from its process, found .*the work failed"):
        workers.timed([Participant("other", WORK, {"seconds": 0.0, "fails_at": call})], rounds=1)


def test_a_wrong_or_missing_peer_is_one_line(monkeypatch):
    with pytest.raises(UsageError, match=r"--peers: expected of --suite=step: keras, torch.* found librosa"):
        next(against_peers.training_step(None, BenchmarkPlan(1, peers=("librosa",))))
    monkeypatch.setitem(PEERS, "keras", PEERS["keras"]._replace(packages=("no_such_package",)))
    with pytest.raises(UsageError, match=r"--peers=keras: expected the package no_such_package.*voxjax\[bench\]"):
        next(against_peers.training_step(None, BenchmarkPlan(1, peers=("keras",))))


def test_peers_of_a_suite_without_any_are_refused():
    command = [sys.executable, "-m", "voxjax", "benchmark", "--suite=start", "--peers=keras"]
    done = subprocess.run(command, capture_output=True, text=True, env=workers.environment({}))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: --peers: expected none with --suite=start, found keras; ")


@pytest.mark.parametrize("kind", list(feature_clips.WINDOWS))
def test_librosa_computes_the_same_numbers(kind):
    from voxjax.benchmarks.peers import librosa_features
    from voxjax.benchmarks.workloads import clip_features
    from voxjax.pipeline import examples

    clips = feature_clips.clips()[:3]
    ours = examples.build(clip_features.config(kind), clips, lambda done: None).features[:, 0]
    theirs = np.stack([librosa_features.FEATURES[kind](clip) for clip in clips])
    ours = ours[..., 0] if kind == "vector" else ours[:, : theirs.shape[1]]
    kept = np.delete(np.arange(392), np.s_[240:264]) if kind == "vector" else slice(None)  # tuning may be rounded
    np.testing.assert_allclose(ours[:, kept], theirs[:, kept], rtol=2e-3, atol=2e-2)


def test_the_slope_of_a_scale_is_the_power_with_which_time_grows():
    assert scaling._slope((2, 10.0), (8, 40.0)) == pytest.approx(1.0)
    assert scaling._slope((1, 10.0), (4, 20.0)) == pytest.approx(0.5)


def test_forced_devices_replace_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_a=1 --xla_force_host_platform_device_count=3")
    flags = scaling._forced_devices(8)["XLA_FLAGS"].split()
    assert flags == ["--xla_a=1", "--xla_force_host_platform_device_count=8"]
