"""The short-time Fourier transform: exact inverse, and the right places in time and frequency."""

import numpy as np
import pytest

from voxjax.audio import stft


@pytest.mark.parametrize(("rate_hz", "time"), [(16_000, 1_601), (22_050, 1)])
def test_the_inverse_gives_the_sound_again(rate_hz, time):
    sizes = stft.at_rate(rate_hz)
    sound = np.random.default_rng(time).normal(size=time).astype(np.float32)
    spectrum = stft.spectrum(sizes, sound)
    assert spectrum.shape == (sizes.frames(time), len(sizes.bins_hz()))
    np.testing.assert_allclose(stft.samples(sizes, spectrum, time), sound, atol=2e-6)


def test_a_click_and_a_tone_are_where_they_belong():
    sizes = stft.at_rate(16_000)
    time_s = np.arange(8_000) / 16_000
    click = (np.arange(8_000) == 4_000).astype(np.float32)
    power = np.abs(np.asarray(stft.spectrum(sizes, click))).sum(axis=1)
    assert abs(sizes.times_s(len(power))[power.argmax()] - 0.25) <= 0.004
    tone = np.sin(2 * np.pi * 1_500 * time_s).astype(np.float32)
    assert sizes.bins_hz()[np.abs(np.asarray(stft.spectrum(sizes, tone))).sum(axis=0).argmax()] == 1_500
