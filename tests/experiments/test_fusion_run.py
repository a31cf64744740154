"""Runs that fuse modalities, from a user's own table with empty cells to predictions from any of them."""

import csv
import dataclasses
import itertools
import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from tests import runs, zygote
from tests.voices import write_folder
from voxjax.artifacts import migration
from voxjax.config import Config, FrameFeatures, MemberConfig, OfflineAugmentConfig, TrainConfig
from voxjax.data import corpora
from voxjax.encoders import sentence
from voxjax.errors import UsageError, VoxJaxError
from voxjax.evaluation import modality_ablation
from voxjax.experiments import evaluate
from voxjax.inference.predictor import EmotionPredictor
from voxjax.modalities.batch import Sequences
from voxjax.pipeline import folds, modality_inputs
from voxjax.train import step

ROOT = pathlib.Path(__file__).resolve().parents[2]
AUDIO = {"filters": (4,), "kernels": (3,), "lstm": (), "dense": (6,), "pooling": "attention", "heads": 2}
MODEL = {"modalities": ("face", "physio"), "audio": AUDIO, "embed": 8, "project": 8, "heads": 2, "dense": (8,)}
SHOWN = ("audio", "face", "physio")
SUBSETS = [names for size in (1, 2, 3) for names in itertools.combinations(SHOWN, size)]
CONFIG = Config(
    name="fused",
    corpus="csv",
    protocol="random5",
    architecture="fusion",
    model=MODEL,
    features=FrameFeatures(mels=16),
    offline_augment=OfflineAugmentConfig(augmentation_factor=1),
    train=TrainConfig(epochs=3, batch_size=8, valid_fraction=0.2),
)


def write_series(path, columns, values):
    times = np.arange(len(values)) * 0.25
    np.savetxt(path, np.column_stack([times, values]), "%.4f", ",", header="time_s," + columns, comments="")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """45 clips in a user's table; every third has no face, every fourth no physiology."""
    root = write_folder(tmp_path_factory.mktemp("fused"))
    (root / "folder").rename(root / "csv")
    random, rows = np.random.default_rng(0), []
    for i, sound in enumerate(sorted((root / "csv").rglob("*.wav"))):
        label, speaker = sound.parts[-3:-1]
        level = ("angry", "calm", "sad").index(label)
        row = {"path": sound.relative_to(root / "csv"), "emotion": label, "speaker": speaker, "face": "", "physio": ""}
        if i % 3:
            write_series(sound.with_suffix(".face"), "AU04_r,AU01_r", random.normal(level, 0.3, (8, 2)))
            row["face"] = row["path"].with_suffix(".face")
        if i % 4:
            write_series(sound.with_suffix(".pulse"), "heart_rate", random.normal(60 + 10 * level, 3, (9, 1)))
            row["physio"] = row["path"].with_suffix(".pulse")
        rows.append(row)
    with (root / "csv/list.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return runs.train(CONFIG, corpus, folder / "run", folder / "cache", "new"), folder / "run"


@pytest.fixture(scope="module")
def predictor(trained):
    return EmotionPredictor(trained[1] / "model")


@pytest.fixture(scope="module")
def complete_clip(corpus):
    """The path and the modality inputs of a clip that has all modalities."""
    found = corpora.load("csv", corpus, corpus)
    clip = next(clip for clip in found.clips if clip.face and clip.physio)
    return corpus / clip.path, modality_inputs.of_clip(clip, found.root, ("face", "physio"))


def reported(workdir):
    with (workdir / "report/predictions.csv").open() as file:
        return list(csv.DictReader(file))


def inputs_by_path(corpus):
    """The modality inputs of each clip, by path."""
    found = corpora.load("csv", corpus, corpus)
    return {clip.path: modality_inputs.of_clip(clip, found.root, ("face", "physio")) for clip in found.clips}


def probabilities(answer):
    return np.array(list(answer["probabilities"].values()))


def test_one_compilation_and_one_row_per_subset_of_modalities(trained):
    figures, workdir = trained
    assert figures["compiles"] == 1
    assert [tuple(row["modalities"]) for row in figures["modality_ablation"]] == SUBSETS
    last = figures["modality_ablation"][-1]
    assert (last["uar"], last["accuracy"], last["n"]) == (figures["uar"], figures["accuracy"], figures["n"])
    with (workdir / "report/modality_ablation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["modalities"] for row in rows] == ["+".join(names) for names in SUBSETS]
    assert [float(row["uar"]) for row in rows] == [row["uar"] for row in figures["modality_ablation"]]
    assert "audio + face + physio" in (workdir / "report/report.html").read_text()


def test_the_predictor_gives_the_predictions_of_the_run(trained, corpus, predictor):
    known = inputs_by_path(corpus)
    for row in reported(trained[1]):
        answer = predictor.predict(corpus / row["clip"], modality_inputs=known[row["clip"]])
        expected = [float(row[label]) for label in predictor.labels]
        np.testing.assert_allclose(probabilities(answer), expected, atol=2e-3)
        assert answer["modalities"] == ["audio", *known[row["clip"]]]


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_the_modality_ablation_equals_the_predictions_of_the_predictor(trained, corpus, predictor, names):
    known, hits = inputs_by_path(corpus), []
    for row in reported(trained[1]):
        given = {name: value for name, value in known[row["clip"]].items() if name in names}
        if "audio" in names or given:
            answer = predictor.predict(corpus / row["clip"] if "audio" in names else None, given)
            assert answer["probabilities"][answer["emotion"]] == answer["confidence"] >= 1 / 3
            hits.append(answer["emotion"] == row["truth"])
    row = trained[0]["modality_ablation"][SUBSETS.index(names)]
    assert (row["n"], row["accuracy"]) == (len(hits), pytest.approx(np.mean(hits)))


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_only_the_modalities_of_the_subset_are_kept(names):
    lengths = np.array([3, 2], np.int32)
    sequences = {name: Sequences(np.ones((2, 3, 1), np.float32), lengths) for name in ("face", "physio")}
    clips = modality_ablation._only(
        step.Clips(np.ones((2, 1, 3, 4)), lengths[:, None], lengths, modality_inputs=sequences), names
    )
    found = {"audio": clips.lengths[:, 0]} | {name: one.lengths for name, one in clips.modality_inputs.items()}
    for name, kept in found.items():
        np.testing.assert_array_equal(kept, lengths if name in names else 0 * lengths)


def test_evaluation_reads_the_modalities_of_a_corpus(trained, corpus, tmp_path):
    figures = evaluate.evaluate(evaluate.Request(trained[1] / "model", "csv", corpus, tmp_path, tmp_path / "cache"))
    assert figures["n"] == trained[0]["n"] and figures["uar"] == pytest.approx(trained[0]["uar"])


def test_many_clips_at_once_have_the_predictions_of_each_alone(predictor, complete_clip):
    path, given = complete_clip
    cases = [(path, given), (None, {"face": given["face"]}), (path, {}), (None, {"physio": given["physio"]})]
    sources, modalities = zip(*cases, strict=True)
    together = list(predictor.predict_many(sources, modality_inputs=modalities))
    for answer, case in zip(together, cases, strict=True):
        np.testing.assert_allclose(probabilities(answer), probabilities(predictor.predict(*case)), atol=2e-5)
    assert together[1]["duration_s"] == 0.0 and together[1]["modalities"] == ["face"]
    assert len({answer["confidence"] for answer in together}) == 4


def test_invalid_modality_inputs_are_errors(predictor, complete_clip, tmp_path):
    path, _ = complete_clip
    with pytest.raises(VoxJaxError, match="sound, or any of face, physio, found nothing; give at least one"):
        predictor.predict(None)
    with pytest.raises(VoxJaxError, match="modalities: expected face, physio, found text"):
        predictor.predict(path, {"text": "hello"})
    with pytest.raises(
        VoxJaxError, match=r"face, for .*expected 2 numbers per position, as in the other clips, found 3"
    ):
        predictor.predict(path, {"face": np.zeros((4, 3))})
    with pytest.raises(VoxJaxError, match=r"none\.csv.*a table"):
        predictor.predict(path, {"physio": "none.csv"})
    write_series(tmp_path / "other.csv", "temperature", np.ones((4, 1)))
    with pytest.raises(VoxJaxError, match=r"physio, for .*expected columns heart_rate, found temperature"):
        predictor.predict(path, {"physio": tmp_path / "other.csv"})


def test_model_folder_keeps_scalers_and_widths(trained, predictor):
    described = json.loads((trained[1] / "model/model.json").read_text())
    assert described["format"] == migration.FORMAT and described["members"][0]["modalities"] == {"face": 2, "physio": 1}
    assert described["members"][0]["columns"] == {"face": ["AU01_r", "AU04_r"], "physio": ["heart_rate"]}
    assert predictor.modalities == {"face": 2, "physio": 1}


def test_scalers_are_fitted_to_training_clips_that_have_the_modality(corpus, tmp_path):
    spec, loaded = runs.spec(CONFIG, corpus, tmp_path), runs.load(CONFIG, corpus, tmp_path)
    fold = folds.make_fold(spec, loaded, 0, 0)
    face, train = loaded.modality_inputs["face"], fold.split.train
    values = np.concatenate([face.values[i, : face.lengths[i]] for i in train])
    np.testing.assert_allclose(fold.modality_scalers["face"].mean[0], values.mean(0), rtol=1e-5)
    face.values[np.setdiff1d(np.arange(45), train)] = 1e6
    again = folds.make_fold(spec, loaded, 0, 0)
    np.testing.assert_array_equal(fold.modality_scalers["face"].std, again.modality_scalers["face"].std)
    assert 0 < np.count_nonzero(face.lengths == 0) < 45


def test_members_without_modalities_vote_only_on_clips_with_audio(corpus, complete_clip, tmp_path):
    audio_only = MemberConfig("optimized", {**AUDIO, "dense": (8,)})
    mixed = dataclasses.replace(
        CONFIG,
        n_members=2,
        members=(MemberConfig("fusion", MODEL), audio_only),
        train=dataclasses.replace(CONFIG.train, epochs=1),
    )
    figures = runs.train(mixed, corpus, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["compiles"] == 1 and len(figures["modality_ablation"]) == 7
    predictor = EmotionPredictor(tmp_path / "run/model")
    path, given = complete_clip
    answers = [predictor.predict(*case) for case in ((path, given), (path, {}), (None, given))]
    assert all(np.isfinite(probabilities(answer)).all() for answer in answers)
    alone = dataclasses.replace(mixed, n_members=1, members=(audio_only,))
    runs.train(alone, corpus, tmp_path / "alone", tmp_path / "cache", "new")
    without_modalities = EmotionPredictor(tmp_path / "alone/model")
    assert "modalities" not in without_modalities.predict(path) and not without_modalities.modalities
    with pytest.raises(VoxJaxError, match="expected sound, found nothing"):
        without_modalities.predict(None)
    with pytest.raises(VoxJaxError, match="expected sound alone, found face"):
        without_modalities.predict(path, {"face": given["face"]})


def test_in_the_guides_split_copies_have_the_modalities_of_their_clip(corpus, tmp_path):
    config = dataclasses.replace(CONFIG, protocol="guide")
    loaded = runs.load(config, corpus, tmp_path)
    paths = [clip.path for clip in loaded.manifest.clips]
    known = inputs_by_path(corpus)
    assert len(paths) == 90
    assert (loaded.modality_inputs["face"].lengths > 0).tolist() == ["face" in known[path] for path in paths]


def test_unknown_and_missing_modalities_are_errors(corpus, tmp_path):
    unknown = dataclasses.replace(CONFIG, model={**MODEL, "modalities": ("fase",)})
    with pytest.raises(UsageError, match="did you mean 'face'"):
        runs.spec(unknown)
    without_text = dataclasses.replace(CONFIG, model={**MODEL, "modalities": ("text",)})
    with pytest.raises(VoxJaxError, match="text: expected clips that have it, found none; fill in the column 'text'"):
        runs.train(without_text, corpus, tmp_path / "run", tmp_path / "cache", "new")
    assert not (tmp_path / "run").exists()


def predict(*arguments):
    command = [zygote.python(), "scripts/predict.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_command_takes_the_modalities_of_one_clip(trained, complete_clip, predictor, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    path, given = complete_clip
    flags = [f"--{name}={value}" for name, value in given.items()]
    own = [f"--model={trained[1] / 'model'}", "--format=json"]
    done = predict(path, *flags, *own)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    np.testing.assert_allclose(probabilities(answer), probabilities(predictor.predict(path, given)), atol=1e-4)
    without_audio = json.loads(predict(flags[0], *own).stdout)
    assert without_audio["path"] == "-" and without_audio["modalities"] == ["face"]
    several = predict(path, path, *flags, *own)
    assert several.returncode == 2 and "one sound file at most, found 2 sound files" in several.stderr
    unknown = predict(path, "--text=hello", *own)
    assert unknown.returncode == 1 and "expected face, physio, found text" in json.loads(unknown.stdout)["error"]


def test_real_speech_with_its_transcript(ravdess_dir, tmp_path):
    """RAVDESS's two sentences, spoken in every emotion: training and prediction work with and without text."""
    pytest.importorskip(sentence.PACKAGE)
    said = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
    rows = [("path", "emotion", "speaker", "text")]
    for actor, number in itertools.product(("Actor_01", "Actor_02"), ("03", "05")):
        for sound in sorted((ravdess_dir / actor).glob(f"03-01-{number}-*")):
            shutil.copy(sound, tmp_path / sound.name)
            words = said[sound.name.split("-")[4]] if len(rows) % 3 else ""
            rows.append((sound.name, {"03": "happy", "05": "angry"}[number], actor, words))
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    config = dataclasses.replace(CONFIG, model={**MODEL, "modalities": ("text",)})
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=2))
    figures = runs.train(config, tmp_path, tmp_path / "run", tmp_path / "cache", "new")
    assert [row["modalities"] for row in figures["modality_ablation"]] == [["audio"], ["text"], ["audio", "text"]]
    predictor = EmotionPredictor(tmp_path / "run/model")
    sound, words = tmp_path / rows[1][0], {"text": rows[1][3]}
    found = [predictor.predict(*case) for case in ((sound, words), (sound, {}), (None, words))]
    assert len({answer["confidence"] for answer in found}) == 3
    assert all(answer["emotion"] in ("happy", "angry") for answer in found)
