"""The level of active speech: the same for every gain, distance and padding, and not moved by pauses."""

import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.audio import features, levels
from voxjax.config import FrameFeatures

RATE_HZ = 16_000
RANDOM = np.random.default_rng(0)


def speech(seconds=1.0):
    """Bursts of noise with pauses 50 dB below them."""
    loud = np.repeat(np.resize([1.0, 1.0, 0.003], round(seconds * 20)), RATE_HZ // 20)
    return (0.1 * loud * RANDOM.normal(size=len(loud))).astype(np.float32)


def levelled(samples, padding=0):
    padded = jnp.pad(jnp.asarray(samples), (0, padding))[None]
    return np.asarray(levels.at_speech_level(RATE_HZ, padded, jnp.array([len(samples)])))[0, : len(samples)]


def test_active_frames_have_the_level_of_26_db_below_full_scale():
    found = levelled(speech())
    frames = found.reshape(-1, 160)
    power = np.mean(np.square(frames), axis=1)
    active = power > power.max() * 10**-3.5
    assert 0.6 < active.mean() < 0.72
    assert 10 * np.log10(power[active].mean()) == pytest.approx(-26.0, abs=0.01)


@pytest.mark.parametrize("gain", [0.02, 3.0])
@pytest.mark.parametrize("padding", [0, 77, 8_000])
def test_gain_and_padding_change_nothing(gain, padding):
    clip = speech(0.93)[:14_813]  # ends within a frame
    np.testing.assert_allclose(levelled(gain * clip, padding), levelled(clip), rtol=2e-5, atol=1e-7)


def test_pauses_do_not_raise_the_level_and_silence_stays_finite():
    clip = speech()
    quiet = np.concatenate([clip, 1e-4 * RANDOM.normal(size=RATE_HZ).astype(np.float32)])
    np.testing.assert_allclose(levelled(quiet)[: len(clip)], levelled(clip), rtol=1e-4)
    assert np.isfinite(levelled(np.zeros(1_000, np.float32))).all()
    assert np.abs(levelled(np.full(1_000, 1e-9, np.float32))).max() < 1e-5  # not raised to the level of speech


def test_features_at_speech_level_do_not_depend_on_gain():
    """Other levels stay as they were: a peak is set on the host, and `keep` keeps the gain."""
    config = {level: FrameFeatures(level=level, mels=16) for level in ("keep", "speech", "peak")}
    clip = speech()
    for level, equal in (("keep", False), ("speech", True), ("peak", True)):
        found = []
        for gain in (1.0, 0.1):
            prepared = features.prepare(config[level], gain * clip)
            found.append(features.extract(config[level], jnp.asarray(prepared)[None], jnp.array([len(prepared)]))[0])
        assert (np.abs(found[0] - found[1]).max() < 2e-3) == equal
