"""A model adapted to a corpus: its clips' own statistics, the same in all commands, and what clips can't support."""

import csv
import json
import subprocess

import jax
import numpy as np
import pytest
import soundfile

from tests import zygote
from tests.inference import test_predictor, test_timeline
from tests.inference.test_predictor import RATE_HZ, member, probabilities, saved, voice
from voxjax import EmotionPredictor
from voxjax.artifacts import model_folder
from voxjax.audio import corpus_statistics, normalize
from voxjax.config import FrameFeatures
from voxjax.errors import UsageError, VoxJaxError
from voxjax.inference import batched_forward, enrolment_list, timeline
from voxjax.inference.batched_forward import Window
from voxjax.inference.enrolment_list import Choice
from voxjax.inference.segments import Span

SHIPPED = test_predictor.ROOT / "checkpoints/whisper_statistics"  # which was trained on RAVDESS alone
NUMBER = 14  # clips to adapt to


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model"), member(0))


@pytest.fixture(scope="module")
def predictor(folder):
    return EmotionPredictor(folder)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Clips to adapt to, some of several windows, and the last one to predict."""
    root = tmp_path_factory.mktemp("corpus")
    for i in range(NUMBER + 1):
        soundfile.write(root / f"{i:02d}.wav", 0.3 * voice(0.4 + 0.13 * i, i), RATE_HZ, subtype="FLOAT")
    return sorted(root.iterdir())


def scaler_of(predictor):
    return normalize.Scaler(*jax.device_get(predictor._feature_sets[0].scaler))


def test_without_clips_the_answers_are_the_same_to_the_bit_and_the_predictor_never_changes(predictor, clips):
    before = predictor.predict(clips[-1])
    assert predictor.adapted([]).predict(clips[-1]) == before
    adapted = predictor.adapted(clips[:-1])
    assert predictor.predict(clips[-1]) == before and predictor.enrolment is None
    assert np.abs(probabilities(adapted.predict(clips[-1])) - probabilities(before)).max() > 0.01
    assert adapted.enrolment.of_corpus and len(adapted.enrolment.hashes) == NUMBER


def test_the_same_sound_counts_once_and_the_order_is_of_no_effect(predictor, clips):
    once, twice = predictor.adapted(clips[:-1]), predictor.adapted([*reversed(clips[:-1]), clips[3], clips[0]])
    for one, other in zip(scaler_of(once), scaler_of(twice), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("count", [3, NUMBER])
def test_few_clips_are_warned_of_and_a_clip_among_them_is_not(predictor, clips, count):
    made = predictor.adapted(clips[:count])
    assert [f"adapted to {count} clips, of at least 10" in text for text in made.enrolment.warnings[:1]] in ([True], [])
    assert bool([text for text in made.enrolment.warnings if "of at least" in text]) == (count < 10)
    assert not [text for text in made.predict(clips[0])["warnings"] if "among those" in text]


def test_a_corpus_can_be_adapted_to_before_a_person_of_it(predictor, clips):
    both = predictor.adapted(clips[:-1]).enrolled(clips[:4])
    means = [scaler_of(one).mean for one in (predictor.adapted(clips[:-1]), both, predictor.enrolled(clips[:4]))]
    assert np.abs(means[1] - means[0]).max() > 0.1 and np.abs(means[1] - means[2]).max() > 0.1


@pytest.fixture(scope="module")
def emodb(data_dir):
    """Every eleventh clip of EmoDB: 49 of all ten speakers and seven emotions."""
    return sorted((data_dir / "emodb" / "wav").iterdir())[::11]


@pytest.fixture(scope="module")
def shipped(emodb):
    """A shipped model, as it is and adapted to EmoDB."""
    predictor = EmotionPredictor(SHIPPED)
    return predictor, predictor.adapted(emodb)


def frames(predictor, paths):
    """All frames of recordings, as the encoder gives them."""
    feature_set, found = predictor._feature_sets[0], []
    windows = [Window(one, {}) for path in paths for one in predictor._read((path, {}), False).windows[0]]
    for own, batch in batched_forward._batches(feature_set, windows):
        values, lengths = jax.device_get((batch.features, batch.lengths))
        found += [values[i, : lengths[i]] for i in range(len(own))]
    return np.concatenate(found).astype(np.float64)


def test_the_default_model_has_the_statistics_of_emodb(shipped, emodb):
    """All but the part 5 / (n + 5) that is kept of RAVDESS's."""
    found, scalers = frames(shipped[0], emodb), [scaler_of(one) for one in shipped]
    before, after = ((found - scaler.mean) / scaler.std for scaler in scalers)
    kept = 1 - corpus_statistics.weight(len(emodb))
    mean, std = before.mean(axis=0), before.std(axis=0)  # in units of RAVDESS's
    spread = np.sqrt((1 - kept) * std**2 + kept)
    np.testing.assert_allclose(after.mean(axis=0), kept * mean / spread, atol=1e-4)
    np.testing.assert_allclose(after.std(axis=0), std / spread, atol=1e-4)
    assert np.abs(mean).max() > 0.9 and np.abs(after.mean(axis=0)).max() < 0.15
    assert np.abs(std - 1).max() > 0.25 and np.abs(after.std(axis=0) - 1).max() < 0.08


def test_adapted_recordings_are_no_longer_unlike_those_of_training_and_noise_is(shipped, emodb):
    distances = [[one["distance"] for one in each.predict_many(emodb[::3])] for each in shipped]
    assert min(distances[0]) > 1.0 and np.mean(np.array(distances[1]) > 1.0) < 0.5
    noise = 0.1 * np.random.default_rng(0).normal(size=48_000).astype(np.float32)
    assert shipped[1].predict((noise, 16_000))["distance"] > 1.0


def test_clips_of_one_emotion_are_noticed(data_dir):
    """Fearful clips of RAVDESS, which the model was trained on and names."""
    paths = sorted((data_dir / "ravdess").rglob("03-01-06-*"))[::16]
    made = EmotionPredictor(SHIPPED).adapted(paths)
    assert [text for text in made.enrolment.warnings if "look like fearful: their common emotion" in text]
    assert made.enrolment.warnings[-1] in made.predict(paths[0])["warnings"]


def calls(folder, *arguments):
    command = [zygote.python(), "-m", "voxjax", *map(str, arguments), f"--model={folder}"]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def known(clips, tmp_path_factory):
    """The clips to adapt to, as a folder."""
    root = tmp_path_factory.mktemp("known")
    for path in clips[:-1]:
        (root / path.name).write_bytes(path.read_bytes())
    return root


def test_predict_and_timeline_answer_as_the_adapted_predictor(folder, predictor, clips, known):
    flags = ("--adapt=corpus", f"--enrol={known}", "--format=json")
    ran = calls(folder, "predict", clips[0], *flags)
    expected = predictor.adapted(clips[:-1]).predict(clips[0])
    assert json.loads(ran.stdout)["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    spans = known.parent / "spans.csv"
    spans.write_text(f"start,end\n0,{expected['duration_s']}\n")
    ran = calls(folder, "timeline", clips[0], *flags, f"--segments={spans}")
    [segment] = json.loads(ran.stdout)[0]["segments"]
    assert segment["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)


def test_each_speaker_of_a_timeline_is_answered_as_that_person(predictor, clips, tmp_path):
    people = [*((path, "Ann") for path in clips[:4]), *((path, "Bo") for path in clips[4:8])]
    with (tmp_path / "known.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "speaker"), *people])
    known = enrolment_list.enrol(predictor, Choice("speaker", str(tmp_path / "known.csv")))
    spans = [Span(1.0, 1.8, "Ann"), Span(3.0, 3.6, "Bo"), Span(5.0, 5.9, "Eve")]
    recording = (test_timeline.recording(), RATE_HZ)
    options = timeline.Options(smoothing="none")
    expected = (predictor.enrolled(clips[:4]), predictor.enrolled(clips[4:8]), predictor)
    for how in ("spans", "turns"):
        found = timeline.timeline(predictor, recording, options, **{how: spans}, people=known)
        for segment, own, span in zip(found.segments, expected, spans, strict=True):
            alone = timeline.timeline(own, recording, options, **{how: [span]}).segments[0]
            assert segment.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert "Eve: the speaker is not enrolled: answered as for a stranger" in found.warnings
    anyone = enrolment_list.People(predictor, {enrolment_list.ANYONE: predictor.enrolled(clips[:2])})
    warned = timeline.timeline(predictor, recording, options, people=anyone).warnings
    assert [text for text in warned if text.startswith("the person is enrolled with 2 clips")]


@pytest.mark.parametrize("command", ["predict", "timeline"])
def test_wrong_use_is_one_line(folder, clips, tmp_path, command):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    for flags, code, words in (
        (["--adapt=room"], 2, "--adapt: expected one of speaker, corpus, found 'room'"),
        (["--adapt=corpus"], 2, "expected clips to adapt to, found none; add --enrol=FOLDER_OR_LIST"),
        (["--adapt=corpus", f"--enrol={tmp_path}"], 1, "broken.wav"),
    ):
        ran = calls(folder, command, clips[0], *flags)
        assert ran.returncode == code and words in ran.stderr, ran.stderr
        assert "Traceback" not in ran.stderr and len(ran.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("centre", ["clip", "none"])
def test_features_that_no_corpuss_statistics_change_are_refused(tmp_path, centre):
    sets, one = (model_folder.TrainedFeatures(FrameFeatures(mels=12, centre=centre)),), member(0)
    trained = model_folder.TrainedModel("optimized", one.options, test_predictor.LABELS, sets, 1.0, [one], {})
    model_folder.save(tmp_path, trained)
    with pytest.raises(VoxJaxError, match="features that a corpus's statistics can centre"):
        EmotionPredictor(tmp_path).adapted([])


def test_a_choice_without_clips_is_wrong_use():
    assert enrolment_list.choice(None, None) is None
    assert enrolment_list.choice(None, "a") == Choice("speaker", "a")
    for adapt in enrolment_list.ADAPT:
        with pytest.raises(UsageError, match=f"--adapt={adapt}"):
            enrolment_list.choice(adapt, None)
