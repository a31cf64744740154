"""`voxjax timeline`: files and folders, given segments and speakers, and what is never overwritten."""

import csv
import io
import json
import pathlib
import re
import subprocess

import pytest
import soundfile

from tests import zygote
from tests.inference import test_predictor, test_timeline
from voxjax import EmotionPredictor, progress
from voxjax.errors import UsageError
from voxjax.inference import timeline, timeline_files
from voxjax.inference.timeline_formats import TIMELINE_FORMATS, TimelineFormat

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALONE = TimelineFormat(".TextGrid", False, TIMELINE_FORMATS["text"].write)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two recordings, one that is broken, a model, turns and segments."""
    root = tmp_path_factory.mktemp("timeline")
    test_predictor.saved(root / "model", test_predictor.member(0))
    (root / "talks/day 1").mkdir(parents=True)
    for name in ("a.wav", "day 1/b.flac"):
        soundfile.write(root / "talks" / name, test_timeline.recording(), test_timeline.RATE_HZ)
    (root / "talks/broken.wav").write_bytes(b"RIFF")
    (root / "turns.rttm").write_text(
        "SPEAKER a 1 1.0 0.8 <NA> <NA> Ann <NA> <NA>\nSPEAKER a 1 3.0 0.6 <NA> <NA> Bo <NA> <NA>\n"
    )
    (root / "own.csv").write_text("file,start,end,trial\na.wav,1.0,1.8,7\nbroken.wav,0,1,8\nc.wav,0,1,9\n")
    return root


def voxjax(folder, *arguments, command=("timeline",)):
    command = [zygote.python(), "-m", "voxjax", *command, *arguments, f"--model={folder / 'model'}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_folder_as_csv_with_given_segments(folder):
    code, out, err = voxjax(folder, "talks", "--segments=own.csv", "--format=csv", "--out=out.csv")
    assert (code, out) == (1, "")
    assert "such as 'c.wav'" in err and "1 of 3 recordings could not be answered in full" in err
    rows = list(csv.DictReader(io.StringIO((folder / "out.csv").read_text(), newline="")))
    assert [(pathlib.Path(one["file"]).name, one["trial"], bool(one["emotion"])) for one in rows] == [
        ("a.wav", "7", True),
        ("broken.wav", "8", False),
        ("b.flac", "", False),
    ]
    assert "RIFF" in rows[1]["error"] and "none of the given segments" in rows[2]["warnings"]


def test_turns_of_an_rttm_file_as_json(folder):
    code, out, err = voxjax(folder, "talks/a.wav", "--rttm=turns.rttm", "--format=json")
    assert (
        voxjax(folder, "talks/a.wav", "--rttm=turns.rttm", "--format=json", command=("predict", "--timeline"))[1] == out
    )
    assert (code, err) == (0, "")
    [found] = json.loads(out)
    assert [(one["speaker"], one["start_s"], one["end_s"]) for one in found["segments"]] == [
        ("Ann", 1.0, 1.8),
        ("Bo", 3.0, 3.6),
    ]


def test_a_picture_and_a_textgrid_of_a_recording(folder):
    code, out, err = voxjax(folder, "talks/a.wav", "--format=png", "--out=pictures")
    assert (code, out.strip(), err) == (0, "pictures/a.png", "")
    assert (folder / "pictures/a.png").read_bytes().startswith(b"\x89PNG")
    code, out, err = voxjax(folder, "talks/a.wav", "--rttm=turns.rttm", "--format=textgrid")
    assert (code, out.strip(), err) == (0, "a.TextGrid", "")
    assert 'name = "emotion Ann"' in (folder / "a.TextGrid").read_text(encoding="utf-8")


def test_each_recording_has_a_file_of_its_own(tmp_path):
    places = [
        ("x/a.wav", pathlib.Path("a.wav")),
        ("x/a.mp3", pathlib.Path("a.mp3")),
        ("x/b/a.wav", pathlib.Path("b/a.wav")),
    ]
    found = timeline_files.targets(places, ALONE, str(tmp_path))
    assert [str(one.relative_to(tmp_path)) for one in found] == ["a.TextGrid", "a.mp3.TextGrid", "b/a.TextGrid"]
    assert timeline_files.targets(places[:1], ALONE, "my.textgrid") == [pathlib.Path("my.textgrid")]
    assert timeline_files.targets(places[:1], ALONE, None) == [pathlib.Path("a.TextGrid")]
    with pytest.raises(UsageError, match="a name for each recording"):
        timeline_files.targets([places[0]] * 3, ALONE, str(tmp_path))


def test_no_recording_and_no_file_edited_by_hand_is_overwritten(tmp_path):
    sound, grid = tmp_path / "a.wav", tmp_path / "a.TextGrid"
    sound.write_bytes(b"sound")
    timeline_files.check_target(grid, [str(sound)], overwrite=False)
    grid.write_text("edited")
    with pytest.raises(UsageError, match="--overwrite"):
        timeline_files.check_target(grid, [str(sound)], overwrite=False)
    timeline_files.check_target(grid, [str(sound)], overwrite=True)
    with pytest.raises(UsageError, match="a file that is read"):
        timeline_files.check_target(tmp_path / "../" / tmp_path.name / "a.wav", [str(sound)], overwrite=True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (timeline_files.Given(segments="a.csv", rttm="b.rttm"), "found both"),
        (timeline_files.Given(tier="words"), "--tier: expected a file with --segments"),
    ],
)
def test_given_files_that_do_not_go_together(given, words):
    with pytest.raises(UsageError, match=words):
        timeline_files.GivenSpans(given)


def test_a_recording_that_is_too_long_is_refused(folder):
    code, out, err = voxjax(folder, "talks/a.wav", "--max_minutes=0.1")
    assert code == 1 and "at most 0.1 minutes" in out and err.startswith("error: 1 of 1")


def test_wrong_use_gives_one_line_and_exit_code_2(folder):
    code, out, err = voxjax(folder, "talks/a.wav", "--reject_below=0.5", "--target_accuracy=0.9")
    assert (code, out) == (2, "") and err.count("\n") == 1 and "leave one out" in err


def test_a_long_timeline_says_how_far_it_is(folder, monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    spans = timeline_files.GivenSpans(timeline_files.Given())
    predictor = EmotionPredictor(folder / "model")
    (found,) = timeline_files.shown(predictor, [str(folder / "talks/a.wav")], timeline.DEFAULTS, spans)
    lines = capsys.readouterr().err.splitlines()
    assert all(re.fullmatch(r"timeline: \d+ seconds? in 0:\d\d", line) for line in lines)
    assert 0 < int(lines[-1].split()[1]) <= found.duration_s
