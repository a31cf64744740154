"""Rooms, telephones, tilts and noise of many voices: as their NumPy and SciPy counterparts, whatever the padding."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from voxjax.audio import channel_augment, corruptions, offline_augment
from voxjax.config import OfflineAugmentConfig
from voxjax.errors import UsageError

RATE_HZ = 16_000
KEY = jax.random.key(3)
CLIP = (0.1 * np.random.default_rng(0).normal(size=12_000)).astype(np.float32)
NAMES = ("noise", "room", "telephone", "tilt", "speech_noise", "babble")


def made(name, clip=CLIP, padding=0, **values):
    config = dataclasses.replace(OfflineAugmentConfig(), **values)
    padded = jnp.pad(jnp.asarray(clip), (0, padding))
    out, length = jax.jit(offline_augment.METHODS[name], static_argnums=(1, 2))(
        KEY, config, RATE_HZ, padded, jnp.int32(len(clip))
    )
    assert int(length) == len(clip) and not np.asarray(out)[len(clip) :].any()
    return np.asarray(out)[: len(clip)]


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_nothing(name):
    np.testing.assert_allclose(made(name, padding=5_000), made(name), atol=2e-4)


def spectrum_db(samples):
    hz, power = signal.welch(samples, RATE_HZ, nperseg=512)
    return hz, 10 * np.log10(power + 1e-20)


def test_a_telephone_is_the_band_of_the_corruption():
    found = made("telephone", band_low_hz=(300.0, 300.0), band_high_hz=(3_400.0, 3_400.0))
    context = corruptions.Context(RATE_HZ, [], np.random.default_rng(0))
    band = next(one for one in corruptions.CORRUPTIONS if one.kind == "telephone")
    expected = corruptions.corrupt(band, CLIP, context)
    inner = slice(1_000, -1_000)  # the filters begin and end differently
    assert np.abs(found - expected)[inner].max() < 0.06 * np.abs(expected).max()  # of an analogue filter


@pytest.mark.parametrize("slope", [-3.0, 2.0])
def test_a_tilt_is_so_many_decibels_an_octave(slope):
    hz, before = spectrum_db(CLIP)
    change = spectrum_db(made("tilt", tilt_db=(slope, slope)))[1] - before
    for wanted in (250.0, 1_000.0, 4_000.0):
        at = np.argmin(np.abs(hz - wanted))
        assert change[at] == pytest.approx(slope * np.log2(wanted / 1_000.0), abs=0.4)


@pytest.mark.parametrize("rt60_s", [0.2, 0.8])
def test_a_room_decays_by_60_db_in_its_time_and_keeps_the_level(rt60_s):
    click = np.zeros(24_000, np.float32)
    click[100] = 1.0
    tail = made("room", click, rt60_s=(rt60_s, 0.9))[101:]
    energy = np.cumsum(np.square(tail.astype(np.float64))[::-1])[::-1]  # Schroeder 1965
    decay = 10 * np.log10(energy[: round(0.5 * rt60_s * RATE_HZ)] / energy[0])
    slope = np.polyfit(np.arange(len(decay)) / RATE_HZ, decay, 1)[0]
    assert slope == pytest.approx(-60.0 / rt60_s, rel=0.12)
    found = made("room", rt60_s=(rt60_s, rt60_s))
    assert np.std(found) == pytest.approx(np.std(CLIP), rel=1e-3)
    assert np.corrcoef(found, CLIP)[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.1)  # as much direct sound as tail


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
def test_speech_noise_has_the_spectrum_of_the_clip_at_its_ratio(snr_db):
    shaped = signal.lfilter([1.0], [1.0, -0.95], CLIP).astype(np.float32)
    noise = made("speech_noise", shaped, speech_noise_snr_db=(snr_db, snr_db)) - shaped
    assert 20 * np.log10(np.std(shaped) / np.std(noise)) == pytest.approx(snr_db, abs=0.1)
    gap = (spectrum_db(shaped)[1] - spectrum_db(noise)[1])[4:-4]
    assert np.abs(gap - snr_db).mean() < 1.5
    assert abs(np.corrcoef(noise, shaped)[0, 1]) < 0.05


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
def test_babble_is_made_of_the_clip_at_its_ratio_and_changes_over_time_as_speech_does(snr_db):
    time_s = np.arange(len(CLIP)) / RATE_HZ
    spoken = CLIP * (np.sin(2 * np.pi * 3.0 * time_s) > 0.3)  # syllables
    noise = made("babble", spoken, speech_noise_snr_db=(snr_db, snr_db)) - spoken
    assert 20 * np.log10(np.std(spoken) / np.std(noise)) == pytest.approx(snr_db, abs=0.1)
    assert abs(np.corrcoef(noise, spoken)[0, 1]) < 0.1
    levels = np.sqrt(np.square(noise[: 80 * 150].reshape(80, 150)).mean(axis=1))
    assert np.std(levels) / np.mean(levels) > 0.2, "steady noise of as many samples has 0.06"


@pytest.mark.parametrize("padding", [0, 3_000])
def test_pauses_are_silence_around_the_clip(padding):
    config = OfflineAugmentConfig(pause_s=(0.1, 0.4))
    padded, durations = jnp.pad(jnp.asarray(CLIP), (0, padding)), set()
    for seed in range(8):
        key, given = jax.random.key(seed), (config, RATE_HZ, padded, jnp.int32(len(CLIP)))
        out, length = map(np.asarray, offline_augment.METHODS["pauses"](key, *given))
        [before] = {int(np.flatnonzero(out)[0]) - int(np.flatnonzero(CLIP)[0])}
        np.testing.assert_array_equal(out[before : before + len(CLIP)], CLIP)
        after = int(length) - before - len(CLIP)
        assert all(1_600 <= one <= 6_400 for one in (before, after)) and np.count_nonzero(out) == np.count_nonzero(CLIP)
        durations |= {before, after}
    assert len(durations) == 16


def test_copies_of_these_methods_are_made_by_name():
    config = OfflineAugmentConfig(methods=(*NAMES, "pauses+noise"))
    batch = (jnp.asarray(CLIP)[None], jnp.array([len(CLIP)]), jnp.array([5], jnp.uint32))
    copies = [
        np.asarray(offline_augment.make(config, RATE_HZ, *batch, copy)[0]) for copy in range(1, len(config.methods) + 1)
    ]
    assert all(np.isfinite(one).all() and np.std(one) > 0.01 for one in copies)
    with pytest.raises(UsageError, match=r"offline_augment\.methods"):
        offline_augment.make(dataclasses.replace(config, methods=("hall",)), RATE_HZ, *batch, 1)
    assert {*NAMES, "pauses"} == {name for name in dir(channel_augment) if name in offline_augment.METHODS}


def test_one_of_several_methods_is_drawn_for_each_clip():
    """A longer copy, of a slower speed, is not cut; the draw depends on the clip and the number of the copy."""
    config = OfflineAugmentConfig(methods=("speed|telephone+tilt",), speed_rate=(0.8, 0.8))
    clips, ids = jnp.tile(jnp.asarray(CLIP), (12, 1)), jnp.arange(12, dtype=jnp.uint32)
    first, second = (
        offline_augment.make(config, RATE_HZ, clips, jnp.full(12, len(CLIP)), ids, copy) for copy in (1, 2)
    )
    slow = np.asarray(first[1]) == round(len(CLIP) / 0.8)
    assert 2 < slow.sum() < 10 and (np.asarray(first[1])[~slow] == len(CLIP)).all()
    for samples, length in zip(np.asarray(first[0]), np.asarray(first[1]), strict=True):
        assert np.std(samples[length - 200 : length]) > 0.02 and not samples[length:].any()
    assert (slow != (np.asarray(second[1]) > len(CLIP))).any()
    alone = offline_augment.make(config, RATE_HZ, clips[3:4], jnp.full(1, len(CLIP)), ids[3:4], 1)
    np.testing.assert_allclose(alone[0][0], first[0][3], atol=1e-5)
