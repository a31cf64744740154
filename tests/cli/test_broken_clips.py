"""Commands on folders with clips that can't be read and names of any kind: nothing vanishes, exit codes count."""

import csv
import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests import zygote
from tests.inference.test_predictor import member, saved
from tests.voices import write_folder
from voxjax.data import corpora, quality
from voxjax.errors import VoxJaxError
from voxjax.evaluation import compare_runs
from voxjax.experiments import evaluate, robustness
from voxjax.inference import prediction_lines
from voxjax.inference.formats import FORMATS
from voxjax.inference.predictor import EmotionPredictor

ROOT = pathlib.Path(__file__).resolve().parents[2]
AAC = b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def command(*arguments, cache, **environment):
    values = {**os.environ, "PYTHONPATH": str(ROOT), "VOXJAX_CACHE": str(cache), **environment}
    python = sys.executable if environment else zygote.python()
    line = [python, "-m", "voxjax", *map(os.fspath, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, env=values)


@pytest.fixture
def data(tmp_path):
    """Three labels of two speakers, one clip each."""
    return write_folder(tmp_path, takes=1, speakers=2)


def break_clips(data, pattern):
    """Makes phone recordings of clips."""
    paths = sorted((data / "folder").glob(pattern))
    for path in paths:
        path.write_bytes(AAC + path.as_posix().encode() * 9)
        path.rename(path.with_suffix(".m4a"))
    assert paths
    return len(paths)


def test_a_label_in_another_format_is_named_by_each_command_and_never_lost(data, tmp_path):
    count = break_clips(data, "sad/*/*.wav")
    where = ("--corpus=folder", f"--data_dir={data}")
    for flags, message in (
        ([], f"found {count} that are not"),
        (["--broken_clips=skip"], "none of label 'sad'"),
    ):
        for name in ("preprocess", "inspect"):
            more = [f"--out={tmp_path / 'table.csv'}"] if name == "preprocess" else []
            done = command(name, *where, *flags, *more, cache=tmp_path / "cache")
            assert done.returncode == 1 and message in done.stderr and ".m4a" in done.stderr, (name, done.stderr)
    assert not (tmp_path / "table.csv").exists()


def test_predictions_of_a_folder_have_a_row_for_each_file_whatever_its_name(data, tmp_path):
    model = saved(tmp_path / "model", member(0))
    good = next((data / "folder").rglob("*.wav"))
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"caf\xe9.wav", "é.wav".encode(), b"-1+1.wav", b"a\x1b[31m\n.wav"):
        os.link(good, os.fsencode(folder) + b"/" + name)
    (folder / "phone.m4a").write_bytes(AAC * 9)
    for style in ("csv", "json", "text"):
        out = tmp_path / f"out.{style}"
        arguments = ("predict", folder, f"--model={model}", f"--format={style}", f"--out={out}")
        done = command(*arguments, cache=tmp_path / "cache", **ASCII)
        assert done.returncode == 1 and "1 of 5 could not be answered" in done.stderr
        lines = out.read_text(encoding="utf-8").splitlines()
        assert any("caf\\" in line for line in lines) and any("é.wav" in line for line in lines)
        assert len(lines) == (6 if style == "csv" else 5) and "\x1b" not in out.read_text(encoding="utf-8")
    names = {pathlib.Path(json.loads(line)["path"]).name for line in (tmp_path / "out.json").read_text().splitlines()}
    assert names == {"caf\\xe9.wav", "é.wav", "-1+1.wav", "a\x1b[31m\n.wav", "phone.m4a"}


@pytest.fixture
def predictor(tmp_path):
    return EmotionPredictor(saved(tmp_path / "model", member(0)))


def answers(predictor, folder, **more):
    counts = []
    request = prediction_lines.Request([str(folder)], FORMATS["json"], **more)
    return list(prediction_lines.lines(predictor, request, lambda *both: counts.extend(both))), counts


def test_broken_files_are_marked_or_stop_or_are_skipped(predictor, data, caplog):
    count = break_clips(data, "sad/*/*.wav")
    marked, counts = answers(predictor, data)
    assert counts == [count, len(marked)] and sum('"error"' in line for line in marked) == count
    left, counts = answers(predictor, data, broken_clips="skip")
    assert counts == [0, len(marked)] and len(left) == len(marked) - count and "skipped" in caplog.text
    with pytest.raises(VoxJaxError, match=r"m4a: expected"):
        answers(predictor, data, broken_clips="stop")
    with pytest.raises(VoxJaxError, match=r"m4a: expected"):
        answers(predictor, data / "folder/sad", broken_clips="skip")


def test_a_folder_that_cannot_be_opened_is_an_error_beside_the_answers(predictor, data, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if path.name == "sad":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    lines, counts = answers(predictor, data)
    assert counts == [1, len(lines)] and "Permission denied" in json.loads(lines[0])["error"]


def test_evaluation_stops_or_leaves_broken_clips_out_and_says_so(data, tmp_path):
    def evaluated(policy):
        request = evaluate.Request(None, "folder", data, tmp_path / policy, tmp_path / "cache", policy)
        return evaluate.evaluate(request), (tmp_path / policy / "report/report.html").read_text(encoding="utf-8")

    total = evaluated("stop")[0]["n"]
    os.link(next((data / "folder/sad").rglob("*.wav")), data / "folder/sad/more.wav")
    (data / "folder/sad/x.wav").write_bytes(b"rubbish")
    with pytest.raises(VoxJaxError, match=r"1 that are not: .*sad/x\.wav"):
        evaluated("stop")
    figures, page = evaluated("skip")
    assert figures["n"] == total + 1 and "1 clips that can&#39;t be read are left out." in page
    os.unlink(data / "folder/sad/more.wav")
    break_clips(data, "sad/*/*.wav")
    with pytest.raises(VoxJaxError, match="none of label 'sad'"):
        evaluated("skip")
    assert evaluated("skip_all")[0]["n"] < total


def test_robustness_leaves_broken_clips_out_if_allowed(data, predictor, monkeypatch):
    monkeypatch.setattr(robustness.corruptions, "CORRUPTIONS", ())
    paths = sorted((data / "folder").rglob("*.wav"))
    paths[1].write_bytes(b"rubbish")
    clips = robustness.Clips(paths, robustness.np.zeros(len(paths), int))
    with pytest.raises(VoxJaxError, match="1 that are not"):
        robustness.table(predictor, clips, 0)
    assert [row["n"] for row in robustness.table(predictor, clips, 0, "skip")] == [len(paths) - 1]


def test_a_corpus_of_broken_clips_alone_has_a_quality_report(data, tmp_path):
    count = break_clips(data, "*/*/*.wav")
    corpus = quality.read(corpora.load("folder", data, tmp_path), lambda done: None)
    text = quality.text(quality.figures(corpus, quality.issues(corpus)))
    assert f"error: can't be read ({count})" in text


def test_runs_are_compared_in_an_ascii_locale(tmp_path):
    from tests.evaluation.test_compare_runs import example, written

    base = example()
    labels = ("gl\u00fccklich", "=1+1", "truth")
    clips = [f"-é{i}.wav" for i in range(len(base.clips))]
    speakers = [f"Zoë\x1b[2J {name}" for name in base.speakers]
    own = {"truth": ["=x"] * len(clips), "label_truth": ["0"] * len(clips), "note": ["n"] * len(clips)}
    columns = {"labels": labels, "clips": clips, "speakers": speakers, "own_columns": own}
    runs = [written(tmp_path / name, **columns) for name in "ab"]
    done = command("compare", *runs, cache=tmp_path / "cache", **ASCII)
    assert done.returncode == 0, done.stderr
    assert "The two agree on 100.0%" in done.stdout and "\x1b" not in done.stdout
    assert set(compare_runs.read(runs[0]).clips) == set(clips)
    with (tmp_path / "a/report/predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    first = ["clip", "speaker", "fold", "truth", "glücklich", "'=1+1", "label_truth"]
    assert rows[0] == [*first, "own_truth", "own_label_truth", "note"] and rows[1][-3:] == ["'=x", "0", "n"]
    assert all(row[0].startswith("'-é") for row in rows[1:]) and float(rows[1][4]) >= 0
