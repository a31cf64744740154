"""Files of answers: completed after a kill with the bytes of an unbroken call, never mixed with those of another."""

import contextlib
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import soundfile

from tests import zygote
from tests.inference.test_predictor import RATE_HZ, ROOT, member, saved, voice
from voxjax.errors import VoxJaxError
from voxjax.inference import answer_file, prediction_lines
from voxjax.inference.formats import FORMATS
from voxjax.inference.predictor import EmotionPredictor
from voxjax.storage import file_lock

FILES = 130  # three blocks


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return EmotionPredictor(saved(tmp_path_factory.mktemp("model"), member(0), member(1)))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for i in range(FILES):
        soundfile.write(folder / f"{i:03d}.wav", voice(0.15 + 0.01 * (i % 70), i), RATE_HZ)
    (folder / "010.wav").write_bytes(b"rubbish")
    (folder / "100.wav").write_bytes(b"")
    return folder


def written(predictor, clips, out, style="csv", settings=(), restart=False, stop_after=None, **more):
    """The outcome of a call, which is interrupted once it has written so many blocks."""
    plan = prediction_lines.plan(predictor, prediction_lines.Request([str(clips)], FORMATS[style], **more))
    calls = []

    def progress(count):
        calls.append(count)
        if stop_after is not None and len(calls) > stop_after:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        return answer_file.write(out, predictor, plan, dict(settings), progress, restart)
    return None


@pytest.mark.parametrize(("style", "policy"), [("csv", "mark"), ("jsonl", "skip"), ("text", "mark")])
def test_an_interrupted_call_is_completed_to_the_bytes_of_an_unbroken_one(predictor, clips, tmp_path, style, policy):
    whole = tmp_path / "whole"
    outcome = written(predictor, clips, whole, style, broken_clips=policy)
    assert outcome == answer_file.Outcome(2 if policy == "mark" else 0, 0)
    for blocks, answered in ((1, 0), (2, 64), (3, 128)):
        out = tmp_path / f"{blocks}"
        written(predictor, clips, out, style, broken_clips=policy, stop_after=blocks)
        assert 0 < out.stat().st_size < whole.stat().st_size or style != "csv"
        with out.open("ab") as file:
            file.write(b"a torn li")
        assert written(predictor, clips, out, style, broken_clips=policy) == (outcome.failed, answered)
        assert out.read_bytes() == whole.read_bytes()
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["whole", *map(str, range(1, blocks + 1))])


def test_a_file_that_lost_its_end_is_completed_from_the_last_block_that_is_whole(predictor, clips, tmp_path):
    written(predictor, clips, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    out = tmp_path / "out"
    for size, answered in ((len(content) * 2 // 3, 64), (10, 0)):
        written(predictor, clips, out, stop_after=3)
        os.truncate(out, size)
        assert written(predictor, clips, out) == (2, answered)
        assert out.read_bytes() == content


def test_another_call_does_not_go_on_with_the_file(predictor, clips, tmp_path):
    out = tmp_path / "out"
    settings = {"--reject_below": None}

    def message(*where, **changes):
        with pytest.raises(VoxJaxError, match="--restart") as caught:
            written(*where, **{"settings": settings, **changes})
        return str(caught.value)

    written(predictor, clips, out, settings=settings, stop_after=2)
    before = out.read_bytes()
    other = EmotionPredictor(saved(tmp_path / "other", member(2)))
    assert "interrupted call's model, found another" in message(other, clips, out)
    assert "interrupted call's --reject_below," in message(predictor, clips, out, settings={"--reject_below": 0.5})
    assert "interrupted call's list of sound files," in message(predictor, clips / "000.wav", out)
    assert out.read_bytes() == before
    out.write_bytes(before.replace(b"neutral", b"NEUTRAL", 1))
    assert "other content" in message(predictor, clips, out)
    assert written(predictor, clips, out, settings=settings, restart=True) == (2, 0)
    written(predictor, clips, tmp_path / "whole", settings=settings)
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_finished_file_is_replaced_by_a_further_call(predictor, clips, tmp_path):
    out = tmp_path / "new/folder/out"
    written(predictor, clips, out)
    content = out.read_bytes()
    assert written(predictor, clips / "000.wav", out) == (0, 0) and len(out.read_bytes().splitlines()) == 2
    assert written(predictor, clips, out) == (2, 0) and out.read_bytes() == content


def test_a_file_in_use_is_refused(predictor, clips, tmp_path):
    code = "import sys, pathlib; from voxjax.storage import file_lock\n"
    code += "with file_lock.locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "out.progress")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(VoxJaxError, match="no other process that uses it, found one at work"):
            written(predictor, clips, tmp_path / "out")
        other.kill()
    assert written(predictor, clips, tmp_path / "out") == (2, 0), "the lock ends with its process"


def test_a_lock_on_a_deleted_file_is_none(tmp_path):
    path = tmp_path / "lock"
    with file_lock.locked(path):
        path.unlink()
        with file_lock.locked(path):
            pass


def test_a_killed_command_goes_on_where_it_was(predictor, clips, tmp_path):
    arguments = ["-m", "voxjax", "predict", str(clips), f"--model={predictor.model}", "--format=jsonl"]
    arguments += [f"--out={tmp_path / 'out'}"]
    log, out = tmp_path / "out.progress", tmp_path / "out"
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            if log.exists() and log.read_bytes().count(b"\n") > 2:  # header of the log, header, one block
                break
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL and log.exists()
    done = subprocess.run([zygote.python(), *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "were answered by an earlier call" in done.stderr, done.stderr
    found = [json.loads(line)["path"] for line in out.read_text().splitlines()]
    assert found == [str(clips / f"{i:03d}.wav") for i in range(FILES)] and not log.exists()


def test_columns_of_a_list_are_carried_into_every_answer(predictor, clips, tmp_path):
    (clips / "list.csv").write_text("participant,path,emotion\n=7,000.wav,happy\n8,010.wav,sad\n9,gone.wav,\n")
    try:
        request = prediction_lines.Request([str(clips / "list.csv")], FORMATS["csv"])
        rows = list(csv.DictReader(prediction_lines.lines(predictor, request, lambda *_: None)))
        request = prediction_lines.Request([str(clips / "list.csv")], FORMATS["json"])
        answers = [json.loads(line) for line in prediction_lines.lines(predictor, request, lambda *_: None)]
    finally:
        (clips / "list.csv").unlink()
    assert [row["participant"] for row in rows] == ["'=7", "8", "9"]
    assert [row["own_emotion"] for row in rows] == ["happy", "sad", ""] and rows[0]["emotion"] in predictor.labels
    assert [row["path"] for row in rows] == ["000.wav", "010.wav", "gone.wav"]
    assert [bool(row["error"]) for row in rows] == [False, True, True]
    assert [one["columns"] for one in answers][1:] == [
        {"participant": "8", "emotion": "sad"},
        {"participant": "9", "emotion": ""},
    ]


def test_no_damage_of_the_log_is_gone_on_from(tmp_path):
    """A flipped bit ends the log there, or is one line where it is in what the call was asked."""
    path, log = tmp_path / "out", tmp_path / "out.progress"
    path.write_text("first\nsecond\n")
    identity = {"model": "x", "--format": "text"}
    rows = [answer_file.Checkpoint(), _checkpoint(1, "first\n"), _checkpoint(2, "first\nsecond\n")]
    whole = "".join(map(answer_file._line, [identity, *(row._asdict() for row in rows)]))
    log.write_text(whole)
    lines = answer_file._valid_rows(path, log, identity)
    assert "".join(lines) == whole
    for at in range(0, 8 * len(whole), 5):
        data = bytearray(whole.encode())
        data[at // 8] ^= 1 << at % 8
        log.write_bytes(data)
        try:
            found = answer_file._valid_rows(path, log, identity)
        except VoxJaxError:
            assert at // 8 <= len(lines[0])
        else:
            assert found is None or (found == lines[: len(found)] and len(found) < len(lines))


def _checkpoint(entries, content):
    return answer_file.Checkpoint(entries, 0, len(content), hashlib.sha256(content.encode()).hexdigest())
