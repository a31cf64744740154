"""Explanations of a model whose answer depends on one band alone: both methods find it, and their sums are right."""

import copy
import dataclasses
import math

import numpy as np
import pytest

from tests.inference import test_predictor
from voxjax import EmotionPredictor
from voxjax.attribution import (
    Division,
    Explainer,
    explain,
    explanation_files,
    integrated_gradients,
    occlusion,
    spectral_patches,
)
from voxjax.attribution.explanation import strongest
from voxjax.audio import normalize
from voxjax.audio.io import AudioError
from voxjax.audio.limits import AudioLimits
from voxjax.errors import UsageError

RATE_HZ = test_predictor.RATE_HZ
DIVISION = Division(0.2, 8)
USED = slice(6, 8)  # of the 12 mel channels of the model; centres at 1.6 and 2.2 kHz


def one_band_member():
    """A network in which only two mel channels differ from 0."""
    member = test_predictor.member(0)
    spread = np.full((1, 12), 1e9, np.float32)
    spread[:, USED] = 15.0
    return dataclasses.replace(member, scaler=normalize.Scaler(member.scaler.mean, spread))


def sound(duration_s=1.0):
    """Faint noise, a tone of 1,900 Hz from 0.6 to 0.8 s, and a louder one of 5 kHz before: float32 [time]."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    samples = 1e-3 * np.random.default_rng(0).normal(size=len(time_s))
    for start_s, hz, level in ((0.2, 5_000, 0.5), (0.6, 1_900, 0.2)):
        samples += level * np.sin(2 * np.pi * hz * time_s) * ((time_s >= start_s) & (time_s < start_s + 0.2))
    return samples.astype(np.float32)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return EmotionPredictor(test_predictor.saved(tmp_path_factory.mktemp("one_band"), one_band_member()))


@pytest.fixture(scope="module")
def explainer(predictor):
    return Explainer(predictor, "both", DIVISION)


@pytest.fixture(scope="module")
def explanation(explainer):
    return explainer.explain((sound(), RATE_HZ))


@pytest.mark.parametrize("method", [0, 1], ids=["occlusion", "gradients"])
def test_the_band_and_the_moment_that_a_model_uses_are_found(explanation, method):
    attribution = explanation.attributions[method]
    first = strongest(explanation.patches(attribution), 1)[0]
    assert first.low_hz < 1_900 < first.high_hz
    assert first.start_s == pytest.approx(0.6) and first.end_s == pytest.approx(0.8)
    sizes = np.abs(attribution.effects)
    lows, highs = explanation.grid.edges_hz[:-1], explanation.grid.edges_hz[1:]
    near = (highs > 1_000) & (lows < 3_300)  # what the two triangular filters reach
    assert sizes[:, ~near].max() < 1e-4 * sizes.max()


def test_gradients_sum_to_the_difference_between_the_clip_and_its_noise_floor(predictor, explanation):
    gradients = explanation.attributions[1]
    label = predictor.labels.index(explanation.label)
    clip = spectral_patches.patched(sound(), RATE_HZ, DIVISION)
    patches = math.prod(clip.grid.shape)
    found = occlusion.log_probabilities(predictor, clip, np.array([[False] * patches, [True] * patches]))
    whole, floor = occlusion.log_odds(found, label)
    assert abs(whole - floor) > 0.1
    assert gradients.effects.sum() == pytest.approx(whole - floor, rel=0.01)
    assert abs(gradients.gap) < 0.01 * abs(whole - floor)


def test_too_few_steps_are_noticed(predictor, explanation):
    program = integrated_gradients.GradientProgram(predictor)
    clip = spectral_patches.patched(sound(), RATE_HZ, DIVISION)
    gaps = [abs(program.integrated(clip, sound(), 0, steps).gap) for steps in (8, 96)]
    assert gaps[1] < gaps[0]


def lowered_by_hand(samples, patch):
    """A patch lowered to the floor with loops and NumPy alone; the floor is that of the package."""
    hop, window = 128, 512
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    padded = np.pad(samples.astype(np.float64), (window - hop, 2 * window))
    starts = range(0, len(samples) + window - hop, hop)
    spectra = np.array([np.fft.rfft(padded[start : start + window] * hann) for start in starts])
    floor = spectral_patches.noise_floor(np.abs(spectra))[0]
    result = np.zeros(len(padded))
    for i, start in enumerate(starts):
        centre_s = (start + window / 2 - (window - hop)) / RATE_HZ
        for k, hz in enumerate(np.arange(window // 2 + 1) * RATE_HZ / window):
            inside = patch.start_s <= centre_s < patch.end_s and patch.low_hz <= hz < patch.high_hz
            if inside and abs(spectra[i, k]) > floor[k]:
                spectra[i, k] *= floor[k] / abs(spectra[i, k])
        result[start : start + window] += np.fft.irfft(spectra[i]) * hann / 1.5
    return result[window - hop :][: len(samples)].astype(np.float32)


def test_occlusion_is_the_change_of_the_predictors_answer(predictor, explanation):
    label = predictor.labels.index(explanation.label)
    for patch in strongest(explanation.patches(explanation.attributions[0]), 2):
        sources = [(samples, RATE_HZ) for samples in (sound(), lowered_by_hand(sound(), patch))]
        votes = np.array([vote.log_probabilities for vote in predictor.votes(sources)])
        whole, without = occlusion.log_odds(votes, label)
        assert whole - without == pytest.approx(patch.effect, rel=0.01, abs=1e-4)


def test_the_noise_floor_is_the_noise_and_not_the_speech():
    random = np.random.default_rng(0)
    noise = np.abs(random.normal(size=(400, 65)) + 1j * random.normal(size=(400, 65)))
    speech = noise + 100.0 * (np.arange(400) >= 150)[:, None]
    floor = spectral_patches.noise_floor(speech)
    assert floor.shape == (1, 65) and (floor < 1.5).all() and (floor > 0.3).all()
    assert spectral_patches.noise_floor(speech * (speech > 50)) == pytest.approx(speech.max() * 1e-3)


def test_what_the_model_trims_is_not_tried():
    samples = np.concatenate([sound(), np.zeros(RATE_HZ, np.float32)])
    samples += 1e-4 * np.random.default_rng(1).normal(size=len(samples)).astype(np.float32)
    clip = spectral_patches.patched(samples, RATE_HZ, DIVISION)
    tried = spectral_patches.changeable(clip, slice(3_200, 12_800)).reshape(clip.grid.shape).any(axis=1)
    assert tried.tolist() == [True] * 5 + [False] * 5  # 0.2 to 0.8 s, and the patches that reach into it


def test_the_answer_is_the_predictors_and_a_part_has_the_time_of_its_recording(predictor, explainer):
    samples = np.concatenate([np.zeros(RATE_HZ, np.float32), sound(), sound()])
    part = explainer.explain((samples, RATE_HZ), start_s=1.0, end_s=2.0)
    [alone] = list(predictor.predict_many([(samples[RATE_HZ : 2 * RATE_HZ], RATE_HZ)]))
    assert part.answer["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)
    assert part.label == alone["emotion"] and part.probability == pytest.approx(alone["confidence"])
    assert part.patches(part.attributions[0])[0].start_s == 1.0
    assert strongest(part.patches(part.attributions[0]), 1)[0].start_s == pytest.approx(1.6)


def test_another_label_is_explained_on_request(predictor, explanation):
    label = next(one for one in predictor.labels if one != explanation.label)
    other = explain(predictor, (sound(), RATE_HZ), label=label, division=DIVISION)
    assert (other.label, other.probability) == (label, explanation.answer["probabilities"][label])
    assert np.abs(other.attributions[0].effects - explanation.attributions[0].effects).max() > 0.01


def test_wrong_use_is_one_line(predictor, explainer):
    with pytest.raises(UsageError, match="found 'angri'; did you mean 'angry'"):
        explainer.explain((sound(), RATE_HZ), "angri")
    with pytest.raises(UsageError, match="method: expected one of occlusion, gradients, both"):
        Explainer(predictor, "gradient_x")
    with pytest.raises(AudioError, match=r"at most 30 s, found 31.0 s; name the part .* with --start and --end"):
        explainer.explain((sound(31.0), RATE_HZ))
    with pytest.raises(AudioError, match=r"choose --start and --end within its 1\.0 s"):
        explainer.explain((sound(), RATE_HZ), start_s=2.0)
    predictor = copy.copy(predictor)
    predictor.modalities = {"text": 8}
    with pytest.raises(UsageError, match=r"that also takes text; take --method=occlusion"):
        Explainer(predictor, "gradients")


def test_sentences_and_notes(explanation):
    patch = explanation.patches(explanation.attributions[0])[0]._replace(effect=-1.26)
    assert explanation_files.sentence(patch, "angry") == "0.0–0.2 s, 0–377 Hz lowered angry by 1.3 nats"
    assert explanation_files.notes(explanation) == []
    jumping = explanation.attributions[1]._replace(gap=100.0)
    [note] = explanation_files.notes(dataclasses.replace(explanation, attributions=(jumping,)))
    assert "100.0 nats" in note


def test_long_recordings_are_read_within_the_predictors_limits(predictor):
    short = copy.copy(predictor)
    short.limits = AudioLimits(max_duration_s=0.5)
    with pytest.raises(AudioError, match="minutes"):
        Explainer(short).explain((sound(), RATE_HZ))
