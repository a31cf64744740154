"""Enrolment: clips of a person move the scaler, labels move class means, and answers say what clips can't support."""

import csv
import json
import logging
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from tests import zygote
from tests.inference.test_predictor import CONFIG, LABELS, RATE_HZ, member, probabilities, saved, voice
from voxjax import EmotionPredictor, models
from voxjax.artifacts import model_folder
from voxjax.audio import features, normalize, speaker_centring
from voxjax.config import FrameFeatures
from voxjax.errors import UsageError, VoxJaxError
from voxjax.inference import prediction_lines
from voxjax.inference.enrolment_list import Choice
from voxjax.inference.formats import FORMATS
from voxjax.inference.prediction_lines import Request
from voxjax.models import discriminant_fit, lda

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model"), member(0))


@pytest.fixture(scope="module")
def predictor(folder):
    return EmotionPredictor(folder)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Five clips of one person, one of several windows, and a sixth to predict."""
    root = tmp_path_factory.mktemp("person")
    for i, duration_s in enumerate((0.5, 0.7, 0.4, 2.5, 0.6, 0.8)):
        soundfile.write(root / f"{i}.wav", voice(duration_s, i), RATE_HZ, subtype="FLOAT")
    return [root / f"{i}.wav" for i in range(6)]


def sound(path):
    samples = soundfile.read(path, dtype="float32")[0]
    return samples - np.float32(samples.mean(dtype=np.float64))


def test_an_enrolled_answer_is_that_of_the_scaler_by_hand(folder, predictor, clips):
    means = []
    for path in clips[:5]:
        windows = features.windows(CONFIG, sound(path))
        frames = [np.asarray(features.extract(CONFIG, w[None], jnp.array([len(w)]))[0][0]) for w in windows]
        means.append(np.concatenate(frames).mean(axis=0, keepdims=True))
    one = model_folder.load(folder).members[0]
    expected = one.scaler.mean + 5 / 7 * (np.mean(means, axis=0) - one.scaler.mean)
    samples = sound(clips[5])
    values, lengths = features.extract(CONFIG, samples[None], jnp.array([len(samples)], jnp.int32))
    mask = jnp.arange(values.shape[1])[None] < lengths[:, None]
    inputs = normalize.apply(CONFIG, normalize.Scaler(expected.astype(np.float32), one.scaler.std), values, mask)
    logits = models.build("optimized", one.options, 3).apply(models.Variables(**one.variables), inputs, mask)
    answer = predictor.enrolled(clips[:5]).predict(clips[5])
    by_hand = np.exp(logits[0] - logits[0].max())
    np.testing.assert_allclose(probabilities(answer), by_hand / by_hand.sum(), atol=2e-4)
    assert np.abs(probabilities(answer) - probabilities(predictor.predict(clips[5]))).max() > 0.01


def test_without_clips_the_answers_are_the_same_and_the_predictor_never_changes(predictor, clips):
    before = predictor.predict(clips[5])
    assert predictor.enrolled([]).predict(clips[5]) == before
    predictor.enrolled(clips[:5])
    assert predictor.predict(clips[5]) == before and predictor.enrolment is None


def test_the_same_sound_counts_once(predictor, clips):
    once, twice = predictor.enrolled(clips[:4]), predictor.enrolled([*clips[:4], clips[0], clips[3]])
    assert once.predict(clips[5]) == twice.predict(clips[5])


def test_answers_warn_of_what_the_clips_cant_support(predictor, clips, caplog):
    with caplog.at_level(logging.WARNING, "voxjax"):
        few = predictor.enrolled(clips[:2])
    assert "enrolled with 2 clips" in caplog.text
    assert any("2 clips" in text for text in few.predict(clips[5])["warnings"])
    known = "among those that enrolled"
    assert any(known in text for text in few.predict(clips[0])["warnings"])
    assert not any(known in text for text in few.predict(clips[5])["warnings"])


def test_clips_of_one_emotion_are_noticed(discriminant, clips):
    labelled = discriminant.enrolled(clips[:4], ["angry", "angry", "angry", "happy"])
    assert "3 of 4 enrolling clips look like angry" in labelled.enrolment.warnings[0]
    assert discriminant.enrolled(clips[:4], ["angry", "angry", "neutral", "happy"]).enrolment.warnings == ()


def discriminant_of(x, one_hot, shrinkage):
    """Kernel, bias and products of the class means, without a temperature."""
    x, one_hot = jnp.asarray(x, jnp.float32), jnp.asarray(one_hot, jnp.float32)
    moments = discriminant_fit.Moments(one_hot.sum(0), one_hot.T @ x, x.T @ x)
    kernel, gram = discriminant_fit.solve_moments(moments, shrinkage)
    return kernel, discriminant_fit.log_priors(moments.clips, even=False) - 0.5 * jnp.diagonal(gram), gram


@pytest.fixture(scope="module")
def discriminant(tmp_path_factory):
    """An lda on statistics of 12 mel bands: 24 numbers."""
    labels = np.arange(60) % 3
    x = RANDOM.normal(size=(3, 24))[labels] + RANDOM.normal(size=(60, 24))
    one_hot = jnp.asarray(np.eye(3, dtype=np.float32)[labels])
    kernel, bias, gram = discriminant_of(x, one_hot, 0.5)
    params = {"kernel": np.asarray(kernel), "bias": np.asarray(bias), "gram": np.asarray(gram)}
    scaler = normalize.Scaler(np.full((1, 12), -40.0, np.float32), np.full((1, 12), 15.0, np.float32))
    made = model_folder.TrainedMember("lda", {}, 1.0, {"params": params, "stats": {}}, scaler)
    return EmotionPredictor(saved(tmp_path_factory.mktemp("lda"), made))


def test_labels_move_the_class_means_of_a_discriminant_as_by_hand():
    """In the full space: new weights from class means that are moved, at one covariance."""
    labels, person = np.arange(90) % 3, np.arange(6) % 3
    x = RANDOM.normal(size=(3, 8))[labels] + RANDOM.normal(size=(90, 8))
    one_hot, shrinkage = np.eye(3)[labels], 0.3
    kernel, bias, _ = (np.asarray(p, np.float64) for p in discriminant_of(x, one_hot, shrinkage))
    means = one_hot.T @ x / 30
    within = (x - means[labels]).T @ (x - means[labels]) / 90
    inverse = np.linalg.inv((1 - shrinkage) * within + shrinkage * np.eye(8))
    own = means[person] + RANDOM.normal(size=(6, 8))
    # Only what the discriminant directions carry of the person's means counts.
    directions = inverse @ means.T
    onto = means.T @ np.linalg.pinv(means @ directions, rcond=1e-4) @ directions.T  # projection
    moved = means + (2 / 6 * (own[:3] / 2 + own[3:] / 2 - means)) @ onto.T
    expected = own @ inverse @ moved.T - 0.5 * np.einsum("ks,st,kt->k", moved, inverse, moved) + np.log(1 / 3)
    update = lda.class_mean_update(bias, means @ kernel, own @ kernel + bias, person)
    found = (own @ kernel) @ update.matrix + update.bias
    differences = [logits - logits.mean(axis=1, keepdims=True) for logits in (found, expected)]
    np.testing.assert_allclose(*differences, atol=2e-3)


def test_labelled_clips_are_answered_more_surely_and_labels_need_a_discriminant(discriminant, predictor, clips):
    labels = ["happy", "angry", "happy", "angry", "neutral"]
    plain, labelled = discriminant.enrolled(clips[:5]), discriminant.enrolled(clips[:5], labels)

    def mean_probability(one):
        return np.mean([one.predict(c)["probabilities"][label] for c, label in zip(clips, labels, strict=False)])

    assert mean_probability(labelled) > mean_probability(plain) + 0.02
    with pytest.raises(VoxJaxError, match="expected a linear discriminant"):
        predictor.enrolled(clips[:5], labels)
    for wrong in (["happy"], ["cross"] * 5):
        with pytest.raises(VoxJaxError, match="labels of enrolling clips"):
            discriminant.enrolled(clips[:5], wrong)


def test_features_without_the_corpuss_mean_are_refused(tmp_path):
    sets = (model_folder.TrainedFeatures(FrameFeatures(mels=12, centre="clip")),)
    one = member(0)
    model_folder.save(tmp_path, model_folder.TrainedModel("optimized", one.options, LABELS, sets, 1.0, [one], {}))
    with pytest.raises(VoxJaxError, match="a person's mean can centre"):
        EmotionPredictor(tmp_path).enrolled([])


def answers_of(predictor, *arguments, **request):
    lines = prediction_lines.lines(predictor, Request([*map(str, arguments)], FORMATS["json"], **request), lambda *_: 0)
    return [json.loads(line) for line in lines]


def write_table(path, *rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def test_people_are_enrolled_by_name_and_the_rest_are_strangers(predictor, clips, tmp_path):
    head = ("path", "speaker")
    people = [*((path, "ann") for path in clips[:4]), *((path, "bob") for path in clips[1:5])]
    enrol = write_table(tmp_path / "enrol.csv", head, *people)
    asked = write_table(tmp_path / "list.csv", head, *((clips[5], name) for name in ("ann", "bob", "bob", "eve")))
    found = answers_of(predictor, lists=[asked], adapt=Choice("speaker", enrol))
    ann, bob = (predictor.enrolled(own).predict(clips[5]) for own in (clips[:4], clips[1:5]))
    for answer, expected in zip(found, (ann, bob, bob, predictor.predict(clips[5])), strict=True):
        assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    assert ["not enrolled" in " ".join(answer["warnings"]) for answer in found] == [False, False, False, True]
    gap = write_table(tmp_path / "gap.csv", head, (clips[0], "ann"), (clips[1], ""))
    with pytest.raises(UsageError, match="a name for each clip"):
        answers_of(predictor, clips[5], adapt=Choice("speaker", gap))
    half = write_table(tmp_path / "half.csv", ("path", "label"), (clips[0], "angry"), (clips[1], ""))
    with pytest.raises(UsageError, match="a label for each, or for none"):
        answers_of(predictor, clips[5], adapt=Choice("speaker", half))


def test_the_command_enrols_a_folder(folder, predictor, clips, tmp_path):
    for path in clips[:4]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    flags = [f"--model={folder}", f"--enrol={tmp_path}", "--format=json"]
    call = [zygote.python(), "-m", "voxjax", "predict", str(clips[5]), *flags]
    ran = subprocess.run(call, capture_output=True, text=True, check=True)
    expected = predictor.enrolled(clips[:4]).predict(clips[5])["probabilities"]
    assert json.loads(ran.stdout)["probabilities"] == pytest.approx(expected, abs=1e-5)


def test_the_weight_of_a_persons_mean_is_documented():
    assert [speaker_centring.weight(n) for n in (0, 2, 6)] == [0.0, 0.5, 0.75]
