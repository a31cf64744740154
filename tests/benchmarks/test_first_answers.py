"""Whole processes, measured: a folder, a short and a long recording; one line where a command fails."""

import pytest

from voxjax.benchmarks import first_answers
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.errors import VoxJaxError


def test_a_folder_and_recordings_are_measured_as_whole_processes():
    rows = {row["figure"]: row for row in first_answers.predict(None, BenchmarkPlan(1, files=2, seconds=90.0))}
    assert list(rows) == ["folder", "minute", "long"]
    assert [rows[name]["sound_s"] for name in rows] == [6.0, 60.0, 90.0]
    for row in rows.values():
        assert row["times_real_time"] == pytest.approx(row["sound_s"] / row["wall_s"])
        assert row["cpu_s"] > 0 and row["calls"] == 1 and row["min_wall_s"] == row["wall_s"]
        assert 50 < row["memory_mib"] < 4_000


def test_memory_is_of_the_command_and_not_of_the_process_that_starts_it():
    held = bytearray(600 * 2**20)
    measured = first_answers._call(["--version"], {})
    assert len(held) > 2**20 * measured["memory_mib"] and measured["wall_s"] > 0


def test_a_command_that_fails_is_one_line(tmp_path):
    with pytest.raises(
        VoxJaxError, match=r"voxjax predict: expected exit code 0, found error: 1 of 1 could not be answered"
    ):
        first_answers._call(["predict", str(tmp_path / "missing.wav")], {})
