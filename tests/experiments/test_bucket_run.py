"""Runs in a bucket: interrupted, resumed, read back and compared with the same run on disk."""

import dataclasses
import json
import subprocess

import numpy as np
import pytest

from tests import runs, zygote
from tests.experiments.test_crossval import SMALL
from tests.experiments.test_train import ROOT
from tests.voices import write_folder
from voxjax.errors import UsageError, VoxJaxError
from voxjax.evaluation import compare_runs
from voxjax.experiments import evaluate, vote_runs
from voxjax.experiments.run_logger import RunLogger
from voxjax.inference.predictor import EmotionPredictor
from voxjax.storage.paths import locate

TWO = dataclasses.replace(
    SMALL,
    architecture="baseline",
    model={"filters": (4,), "dense": (6,)},
    train=dataclasses.replace(SMALL.train, epochs=2, checkpoint_every_epochs=1),
)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    corpus = write_folder(folder / "corpus")
    runs.train(TWO, corpus, folder / "run", folder / "cache", "new")
    return folder


def interrupt_in_second_epoch(monkeypatch):
    whole = RunLogger.on_step

    def on_step(self, epoch, step, loss):
        if epoch == 1:
            raise KeyboardInterrupt
        whole(self, epoch, step, loss)

    monkeypatch.setattr(RunLogger, "on_step", on_step)


def test_a_run_that_was_interrupted_ends_as_one_on_disk(local, bucket, gcs, tmp_path, monkeypatch):
    workdir, corpus, cache = locate(bucket) / "runs" / "small", local / "corpus", local / "cache"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_in_second_epoch(patch)
        runs.train(TWO, corpus, workdir, cache, "new")
    assert len((workdir / "metrics.jsonl").read_text().splitlines()) == 1 and not (workdir / "model").exists()
    with pytest.raises(UsageError, match="add --resume"):
        runs.train(TWO, corpus, workdir, cache, "new")
    figures = runs.train(TWO, corpus, workdir, cache, "resume")
    assert sum(name.endswith("runs/small/checkpoints/part0/1/commit_success.txt") for name in gcs.written) == 1

    assert json.loads((workdir / "report/metrics.json").read_text())["confusion"] == figures["confusion"]
    same = ("report/predictions.csv", "report/confusion.png", "model/weights.safetensors", "config.json")
    for name in same:
        assert (workdir / name).read_bytes() == (local / "run" / name).read_bytes(), name
    assert names(gcs, bucket, "runs/small") == names_on_disk(local / "run")
    assert gcs.written[-1].endswith("model/model.json"), "the file that makes a model comes last"
    answer = EmotionPredictor(str(workdir / "model")).predict(next(corpus.rglob("*.wav")))
    assert answer["model"] == f"{bucket}/runs/small/model"

    request = evaluate.Request(workdir / "model", "folder", corpus, workdir / "again", cache)
    assert evaluate.evaluate(request)["confusion"] == figures["confusion"]
    assert compare_runs.compare(workdir, local / "run")["uar"]["difference"] == 0
    voted = vote_runs.vote([workdir, local / "run"], locate(bucket) / "vote")
    assert voted["confusion"] == figures["confusion"]
    assert len(EmotionPredictor(f"{bucket}/vote/model").labels) == 3


def test_a_bucket_without_access_is_one_line(local, bucket, gcs, tmp_path):
    gcs.forbidden.add(bucket.removeprefix("gs://"))
    place = locate(bucket)
    for call in (
        lambda: runs.train(TWO, local / "corpus", place / "run", local / "cache", "new"),
        lambda: EmotionPredictor(f"{bucket}/model"),
        lambda: compare_runs.read(place),
        lambda: vote_runs.vote([place, place], place),
    ):
        with pytest.raises(VoxJaxError, match=r"expected to use it, found .*Forbidden.*; check the bucket's name"):
            call()


def names(gcs, bucket, folder):
    """Files below a folder; of checkpoints and TensorBoard the folders alone, as their names depend on time."""
    found = [name.removeprefix(f"{folder}/") for b, name in gcs.objects if f"gs://{b}" == bucket]
    return {plain(name) for name in found}


def names_on_disk(folder):
    return {plain(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()}


def plain(name):
    parts = name.split("/")
    return {"checkpoints": "/".join(parts[:3]), "tensorboard": "tensorboard"}.get(parts[0], name)


@pytest.mark.slow
def test_commands_read_and_write_a_bucket(local, bucket, tmp_path):
    def voxjax(*arguments):
        command = [zygote.python(), "-m", "voxjax", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    flags = [
        "--config=baseline", "--config.model.filters=(6,)", "--config.model.dense=(8,)", "--config.corpus=folder",
        "--config.features.mels=16", "--config.train.batch_size=8", "--config.train.epochs=2",
        "--config.train.valid_fraction=0.2", f"--data_dir={local / 'corpus'}",
    ]  # fmt: skip
    assert f"{bucket}/one/model" in voxjax("train", *flags, f"--workdir={bucket}/one")
    voxjax("sweep", *flags, "--search=dropout:0:0.4", "--trials=2", f"--workdir={bucket}/search")
    assert (locate(bucket) / "search" / "sweep.csv").read_text().startswith("trial,")
    clip = str(next((local / "corpus").rglob("*.wav")))
    answers = voxjax("predict", clip, f"--model={bucket}/one/model", "--format=json")
    assert np.isclose(sum(json.loads(answers)["probabilities"].values()), 1, atol=1e-3)
    assert "difference" in voxjax("compare", f"{bucket}/one", f"{bucket}/one", f"--out={bucket}/difference.json")
