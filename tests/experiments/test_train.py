"""Complete runs of train.py: all its outputs, resuming after kill -9, evaluation, and errors."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file

from tests import zygote
from tests.experiments import test_tensorboard
from tests.leaks import DISGUISES
from tests.voices import write_folder
from voxjax.data import corpora
from voxjax.errors import VoxJaxError
from voxjax.experiments import evaluate
from voxjax.inference.predictor import EmotionPredictor

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = [
    "--config.model.stem=(4,)", "--config.model.filters=(6,)", "--config.model.lstm=(6,)", "--config.model.dense=(8,)",
    "--config.corpus=folder", "--config.protocol=random5", "--config.features.mels=16", "--config.train.batch_size=8",
    "--config.train.checkpoint_every_epochs=2", "--config.train.valid_fraction=0.2",
]  # fmt: skip

CONTRACT = {
    "protocol", "corpus", "model", "n", "folds", "seeds", "labels", "accuracy", "accuracy_ci", "uar", "uar_ci",
    "macro_f1", "ece",
    "ece_calibrated", "temperature", "confusion", "per_class", "per_speaker", "chosen_by", "train_seconds",
    "parameters", "members", "voxjax", "jax",
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("corpus"))


def command(corpus, workdir, *more, epochs=6):
    flags = [*SMALL, f"--config.train.epochs={epochs}", f"--data_dir={corpus}", f"--workdir={workdir}", *more]
    return ["scripts/train.py", *flags]


def run(corpus, workdir, *more, **options):
    line = [zygote.python(), *command(corpus, workdir, *more, **options)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    done = run(corpus, workdir)
    assert done.returncode == 0, done.stderr
    return workdir, done


@pytest.fixture(scope="module")
def whole(finished):
    workdir, done = finished
    return workdir, done.stdout


def test_a_run_writes_all_documented_outputs(whole):
    workdir, printed = whole
    assert len((workdir / "metrics.jsonl").read_text().splitlines()) == 6
    figures = json.loads((workdir / "report/metrics.json").read_text())
    assert set(figures) >= CONTRACT and figures["n"] == 9
    for name in ("per_class.csv", "confusion.csv", "predictions.csv", "report.html"):
        assert (workdir / "report" / name).stat().st_size > 50
    for name in ("confusion.png", "history.png", "reliability.png"):
        assert (workdir / "report" / name).read_bytes().startswith(b"\x89PNG")
    assert (workdir / "config.json").is_file() and f"curves: tensorboard --logdir={workdir}/tensorboard" in printed
    assert "Test Accuracy:" in printed and "Confusion matrix" in printed and "report.html" in printed


def test_a_log_file_has_a_line_for_each_stage_and_epoch(finished):
    lines = finished[1].stderr.splitlines()
    assert [line for line in lines if re.fullmatch(r"(decoding|fingerprints|features): 45 clips in \d+:\d\d", line)]
    epochs = [re.match(r"optimized: epoch (\d) of 6, loss .*, UAR [\d.]+%(.*)", line) for line in lines]
    found = [epoch.groups() for epoch in epochs if epoch]
    assert [number for number, _ in found] == list("123456") and found[0][1] == ""
    assert re.fullmatch(r", about 0:\d\d left", found[1][1]) and "trained in" in found[5][1]


def test_tensorboard_has_the_last_epoch_and_the_test(finished):
    workdir, _ = finished
    parts = {name: test_tensorboard.values(workdir / "tensorboard" / name) for name in ("train", "valid", "test")}
    assert {"loss", "accuracy"} <= parts["train"].keys() & parts["valid"].keys(), "of one name: they share a chart"
    assert parts["valid"]["confusion"][0] == parts["test"]["confusion"][0] == parts["train"]["history"][0] == 6
    figures = json.loads((workdir / "report/metrics.json").read_text())
    step, value = parts["test"]["uar"]
    assert step == 6 and value.simple_value == pytest.approx(figures["uar"])
    ((part, row),) = test_tensorboard.hyperparameters(workdir / "tensorboard").items()
    assert part == "test" and {"name", "corpus", "protocol", "features.mels", "train.epochs"} <= row.keys()
    assert len(row) == 1 + len(SMALL) + 1, "no value that nobody changed"


def test_the_predictor_gives_the_predictions_of_the_run(whole, corpus):
    workdir, _ = whole
    predictor = EmotionPredictor(workdir / "model")
    header, *lines = (workdir / "report/predictions.csv").read_text().splitlines()
    labels = header.split(",")[4:]
    for line in lines:
        clip, _, _, _, *probabilities = line.split(",")
        answer = predictor.predict(corpus / clip)
        np.testing.assert_allclose(
            [answer["probabilities"][label] for label in labels], np.array(probabilities, float), atol=2e-3
        )


def test_evaluating_the_training_corpus_uses_only_test_clips(whole, corpus, tmp_path):
    workdir, _ = whole
    figures = evaluate.evaluate(evaluate.Request(workdir / "model", "folder", corpus, tmp_path, tmp_path / "cache"))
    trained = json.loads((workdir / "report/metrics.json").read_text())
    assert figures["n"] == 9 and figures["confusion"] == trained["confusion"]
    assert figures["ece"] == pytest.approx(trained["ece"], abs=0.01)
    assert "36 clips that the model was trained on" in (tmp_path / "report/report.html").read_text()


def test_training_clips_are_recognised_under_any_name(whole, corpus, tmp_path):
    """A copy of a training clip in another tree is still a training clip."""
    workdir, _ = whole
    trained_on = set(json.loads((workdir / "model/model.json").read_text())["meta"]["training_clips"])
    clips = corpora.load("folder", corpus, tmp_path).clips
    known = [clip for clip in clips if corpora.keys(clip) & trained_on]
    assert len(known) == 36
    for i, clip in enumerate(known):
        path = tmp_path / f"other/folder/{clip.emotion}/{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((corpus / clip.path).read_bytes())
    with pytest.raises(VoxJaxError, match="was not trained on"):
        evaluate.evaluate(
            evaluate.Request(workdir / "model", "folder", tmp_path / "other", tmp_path, tmp_path / "cache")
        )


@pytest.mark.parametrize("disguise", DISGUISES)
def test_training_clips_are_recognised_in_any_format_level_and_cut(whole, corpus, tmp_path, disguise):
    model = whole[0] / "model"
    trained_on = set(json.loads((model / "model.json").read_text())["meta"]["training_clips"])
    known = [clip for clip in corpora.load("folder", corpus, tmp_path).clips if corpora.keys(clip) & trained_on]
    for i, clip in enumerate(known):
        path = tmp_path / f"other/folder/{clip.emotion}/{i}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, DISGUISES[disguise](soundfile.read(corpus / clip.path, dtype="float32")[0]), 16_000)
    request = evaluate.Request(model, "folder", tmp_path / "other", tmp_path, tmp_path / "cache")
    with pytest.raises(VoxJaxError, match="was not trained on, found none"):
        evaluate.evaluate(request)


def test_evaluating_another_corpus_counts_unknown_labels(whole, tmp_path):
    workdir, _ = whole
    model = json.loads((workdir / "model/model.json").read_text())
    assert model["meta"]["corpus"] == "folder"
    figures = evaluate.evaluate(evaluate.Request(workdir / "model", "demo", None, tmp_path, tmp_path / "cache"))
    assert figures["protocol"] == "known_speakers"  # whose clips are in the folder, too
    assert figures["n"] == 3 * 48 - 36  # the folder's recordings are in the demo, too: training clips are left out
    assert "240 clips have labels" in (tmp_path / "report/report.html").read_text()


def test_training_on_one_corpus_and_testing_on_another_uses_shared_labels(corpus, tmp_path):
    words = {"calm": "Calm", "sad": "sadness", "angry": "wrath"}
    names = sorted((corpus / "folder").rglob("*.wav"))
    rows = [f"{i}.wav,{words[path.parts[-3]]},s{i % 3}" for i, path in enumerate(names)]
    data = tmp_path / "data"
    (data / "csv").mkdir(parents=True)
    (data / "folder").symlink_to(corpus / "folder")
    for i, path in enumerate(names):  # played backwards: not the audio that is trained on
        samples, rate_hz = soundfile.read(path)
        soundfile.write(data / f"csv/{i}.wav", samples[::-1], rate_hz)
    (data / "csv/list.csv").write_text("path,emotion,speaker\n" + "\n".join(rows) + "\n")
    done = run(data, tmp_path / "run", "--config.protocol=corpus", "--config.test_corpus=csv", epochs=2)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "run/report/metrics.json").read_text())
    assert figures["labels"] == ["calm", "sad"] and figures["corpus"] == "folder+csv"
    assert figures["n"] == sum("wrath" not in row for row in rows)
    assert set(figures["per_speaker"]) == {"csv/s0", "csv/s1", "csv/s2"}
    page = (tmp_path / "run/report/report.html").read_text()
    assert (
        "<dt>Trained on</dt><dd>folder</dd>\n<dt>Tested on</dt><dd>csv</dd>" in page
        and "left out: angry" in page
        and "sadness to sad" in page
    )


def ended_after(epochs, lines, arguments, number):
    """Runs a command until its log has so many epochs, and sends it a signal; its exit code and standard error."""
    line = [sys.executable, *arguments]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and (not lines.is_file() or len(lines.read_text().splitlines()) < epochs):
            time.sleep(0.01)
        os.kill(process.pid, number)
        return process.wait(), process.stderr.read()


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(whole, corpus, tmp_path):
    killed = tmp_path / "killed"
    lines = killed / "metrics.jsonl"
    code, message = ended_after(1, lines, command(corpus, killed), signal.SIGTERM)
    assert code == 143 and message.endswith(
        f"\nstopped by SIGTERM; the same command with --workdir={killed} --resume goes on\n"
    )
    assert "Traceback" not in message
    epochs = len(lines.read_text().splitlines())
    assert [int(path.name) for path in (killed / "checkpoints/part0").iterdir()][-1:] == [epochs], "it is saved"
    code, message = ended_after(max(3, epochs + 1), lines, command(corpus, killed, "--resume"), signal.SIGKILL)
    assert code == -signal.SIGKILL and f"steps from epoch {epochs + 1}\n" in message
    assert 3 <= len(lines.read_text().splitlines()) < 6, "the run was to be killed half way"
    assert not (killed / "model").exists()
    second = run(corpus, killed)
    assert second.returncode == 2 and "--resume" in second.stderr
    other = run(corpus, killed, "--resume", "--config.hyper.dropout=0.31")
    assert other.returncode == 2 and "hyper" in other.stderr
    done = run(corpus, killed, "--resume")
    assert done.returncode == 0, done.stderr
    ours, theirs = (load_file(folder / "model/weights.safetensors") for folder in (whole[0], killed))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    assert len(lines.read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--config.hyper.droput=0.1"], 2, "dropout"),
        (["--config.hyper.dropout=much"], 2, "dropout"),
        (["--config.corpus=ravdes"], 2, "did you mean 'ravdess'"),
        (["--config.model.pooling=atention"], 2, "attention"),
        (["--data_dir=/nowhere/at/all"], 1, "not there"),
        (["--wrokdir=x"], 2, "workdir"),
        (["--config.protocol=corpus"], 2, "add --config.test_corpus"),
        (["--config.test_corpus=csv"], 2, "add --config.protocol=corpus"),
        (["--config.protocol=corpus", "--config.test_corpus=folder"], 2, "another than folder"),
        (["--config.labels=fuor"], 2, "did you mean 'four'"),
        (["--config.truth=perceived"], 2, "tabulatedVotes"),
    ],
)
def test_wrong_use_gives_one_line_and_its_exit_code(corpus, tmp_path, flags, code, message):
    done = run(corpus, tmp_path / "run", *flags)
    assert done.returncode == code and message in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists(), "a run that fails at once leaves its folder unused"
