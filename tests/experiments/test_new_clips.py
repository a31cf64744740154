"""Evaluating a trained model: whatever it was trained on is left out, and people whom it knows are named."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import soundfile

from tests.leaks import DISGUISES, RATE_HZ
from voxjax.errors import VoxJaxError
from voxjax.experiments import evaluate
from voxjax.experiments.add_identity import add_identity

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "checkpoints/optimized"
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def evaluated(corpus, data_dir, workdir, model=MODEL):
    return evaluate.evaluate(evaluate.Request(model, corpus, data_dir, workdir, workdir / "cache"))


@pytest.fixture
def training_clips(ravdess_dir):
    return sorted(ravdess_dir.rglob("03-01-*.flac"))[3::187]


def own_layout(root, paths, change=lambda x: x, kind="wav"):
    """`folder/EMOTION/someone/NUMBER.KIND`: names that say nothing about the recording."""
    for i, path in enumerate(paths):
        samples, _ = soundfile.read(path, dtype="float32")
        place = root / "folder" / EMOTIONS[int(path.stem[6:8]) - 1] / "someone" / f"{i}.{kind}"
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, change(samples), RATE_HZ)


LAYOUTS = {
    "flat": lambda stem: f"{stem}.wav",
    "lower case": lambda stem: f"actor_{stem[-2:]}/{stem}.wav",
    "renamed folders": lambda stem: f"speech/{stem[-2:]}/{stem}.wav",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_training_clips_are_refused_in_any_layout(training_clips, tmp_path, layout):
    for path in training_clips:
        samples, _ = soundfile.read(path, dtype="int16")
        place = tmp_path / "ravdess" / LAYOUTS[layout](path.stem)
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, samples, RATE_HZ)
    with pytest.raises(VoxJaxError, match="clips that the model was not trained on, found none"):
        evaluated("ravdess", tmp_path, tmp_path / "run")


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_training_clips_are_refused_in_any_format_level_and_cut(training_clips, tmp_path, kind):
    for i, change in enumerate(DISGUISES.values()):
        own_layout(tmp_path / str(i), training_clips[i % 2 :: 2], change, kind)
        for path in (tmp_path / str(i)).rglob(f"*.{kind}"):
            place = tmp_path / "data" / path.relative_to(tmp_path / str(i)).parent / f"{i} {path.name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    with pytest.raises(VoxJaxError, match="clips that the model was not trained on, found none"):
        evaluated("folder", tmp_path / "data", tmp_path / "run")


def test_new_clips_of_people_who_were_trained_on_are_not_a_speaker_independent_figure(tmp_path):
    noise = np.random.default_rng(0)
    for actor in (1, 2, 3):
        for emotion in ("03", "04"):
            path = tmp_path / f"ravdess/Actor_{actor:02d}/03-02-{emotion}-01-01-01-{actor:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise.normal(0, 0.1, 8_000), RATE_HZ)
    figures = evaluated("ravdess_song", tmp_path, tmp_path / "run")
    warning = "3 of 3 speakers are people that the model was trained on."
    assert (figures["protocol"], figures["known_speakers"], figures["named_speakers"]) == ("known_speakers", 3, 3)
    assert warning in figures["warnings"] and warning in (tmp_path / "run/report/report.html").read_text()


def test_a_speaker_with_a_training_clip_is_known_under_any_name(training_clips, tmp_path):
    own_layout(tmp_path, training_clips)
    noise = np.random.default_rng(0)
    for name in ("someone", "someone else"):
        path = tmp_path / f"folder/sad/{name}/new.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise.normal(0, 0.1, 8_000), RATE_HZ)
    figures = evaluated("folder", tmp_path, tmp_path / "run")
    assert figures["n"] == 2 and (figures["known_speakers"], figures["named_speakers"]) == (1, 2)
    assert figures["protocol"] == "known_speakers"


def test_a_folder_of_an_older_format_says_that_content_is_not_known(training_clips, ravdess_dir, tmp_path):
    old = shutil.copytree(MODEL, tmp_path / "old")
    description = json.loads((old / "model.json").read_text())
    del description["identity_sha256"], description["digest"]
    (old / "identity.npz").unlink()
    (old / "model.json").write_text(json.dumps({**description, "format": 5}))
    own_layout(tmp_path, training_clips)
    assert evaluated("folder", tmp_path, tmp_path / "run", old)["n"] == len(training_clips)
    assert "of an older format" in (tmp_path / "run/report/report.html").read_text()
    with pytest.raises(VoxJaxError, match=r"all clips that the model was trained on, found 1\d{3} missing"):
        add_identity(old, "ravdess", some(ravdess_dir, tmp_path / "some"), tmp_path / "cache")


def some(ravdess_dir, root):
    shutil.copytree(ravdess_dir / "Actor_01", root / "ravdess/Actor_01")
    return root
