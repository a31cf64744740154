"""Progress without a terminal is lines at intervals; on a terminal it is a bar."""

import os
import pathlib
import pty
import subprocess
import sys
import termios
import textwrap

import pytest

from voxjax import progress

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets, in seconds."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_long_stage_is_a_line_at_each_interval_and_one_at_the_end(clock, capsys):
    with progress.bar(1_200, "encoding", "clip") as stage:
        for _ in range(12):
            clock[0] += 10.0
            stage.update(100)
    stage.close()
    assert capsys.readouterr().err.splitlines() == [
        "encoding: 300 of 1,200 clips, about 1:30 left",
        "encoding: 600 of 1,200 clips, about 1:00 left",
        "encoding: 900 of 1,200 clips, about 0:30 left",
        "encoding: 1,200 clips in 2:00",
    ]


def test_a_brief_stage_writes_nothing_unless_it_becomes_long(clock, capsys):
    with progress.bar(9, "predicting", "file", brief=True) as stage:
        stage.update(9)
    assert capsys.readouterr().err == ""
    with progress.bar(2, "predicting", "file", brief=True) as stage:
        clock[0] += 3_600
        stage.update()
        stage.update()
    assert capsys.readouterr().err.splitlines() == [
        "predicting: 1 of 2 files, about 1:00:00 left",
        "predicting: 2 files in 1:00:00",
    ]


def test_bytes_and_unknown_totals(clock, capsys):
    with progress.bar(None, "downloading", "B") as stage:
        clock[0] += 31
        stage.update(5_000_000)
    assert capsys.readouterr().err.splitlines() == ["downloading: 5 MB in 0:31"] * 2


def test_a_stage_that_fails_leaves_the_last_word_to_the_error(capsys):
    with pytest.raises(ValueError, match="gone"), progress.bar(3, "decoding", "clip"):
        raise ValueError("gone")
    assert list(progress.over("ab", 2, "testing", "letter")) == ["a", "b"]
    assert capsys.readouterr().err == "testing: 2 letters in 0:00\n"


def test_on_a_terminal_it_is_a_bar():
    code = """
        from voxjax import progress
        with progress.bar(2, "decoding", "clip") as stage:
            stage.update(2)
        steps = progress.StepBar(2, 1, "optimized")
        steps.step(uar="0.5")
        steps.line("a message")
        steps.close()
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stderr=theirs, check=True)
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(4_096):
                shown += part
        except OSError:  # Linux, once the other end is closed
            pass
    assert b"decoding: 100%" in shown and b"clip/s" in shown
    assert b"optimized: 100%" in shown and b"2/2" in shown and b"a message" in shown
