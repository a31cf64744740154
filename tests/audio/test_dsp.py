"""Signal processing against librosa, on real clips and on noise."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from voxjax.audio import dsp

pytestmark = pytest.mark.full_compiler  # numbers that users get

RATE = 16_000


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(0, 0.1, 12_345).astype(np.float32)


@pytest.mark.parametrize(("window", "hop"), [(512, 256), (512, 160), (400, 160), (2048, 512)])
def test_power_spectrum_matches_librosa(noise, window, hop):
    ours = dsp.power_spectrum(jnp.asarray(noise), window, hop)
    theirs = np.abs(librosa.stft(noise, n_fft=window, hop_length=hop)) ** 2
    np.testing.assert_allclose(ours.T, theirs, rtol=1e-3, atol=1e-4 * theirs.max())


@pytest.mark.parametrize(
    ("window", "mels", "low", "high"), [(512, 64, 0, 8000), (2048, 128, 0, 8000), (512, 40, 50, 7600)]
)
def test_mel_filters_match_librosa(window, mels, low, high):
    theirs = librosa.filters.mel(sr=RATE, n_fft=window, n_mels=mels, fmin=low, fmax=high)
    ours = dsp.mel_filters(RATE, window, mels, float(low), float(high))
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(ours.T, theirs, rtol=0, atol=float(np.spacing(theirs.max())))  # one rounding


def test_mel_scale_matches_librosa_and_is_inverted():
    hz = np.linspace(0, 8000, 200)
    np.testing.assert_allclose(dsp.hz_to_mel(hz), librosa.hz_to_mel(hz), rtol=1e-10)
    np.testing.assert_allclose(dsp.mel_to_hz(dsp.hz_to_mel(hz)), hz, rtol=1e-10, atol=1e-9)


def test_cosine_basis_is_orthonormal_and_matches_scipy():
    basis = dsp.cosine_basis(64, 64)
    np.testing.assert_allclose(basis.T @ basis, np.eye(64), atol=1e-5)
    spectrum = np.random.default_rng(1).normal(size=(64, 5)).astype(np.float32)
    theirs = librosa.feature.mfcc(S=spectrum, n_mfcc=20)
    np.testing.assert_allclose(spectrum.T @ dsp.cosine_basis(64, 20), theirs.T, atol=1e-4)


def test_floor_below_peak_matches_librosa_and_ignores_padding():
    power = np.random.default_rng(2).exponential(size=(30, 8)).astype(np.float32) ** 8
    power[20:] = 1e6  # louder than the peak
    mask = jnp.arange(30) < 20
    ours = dsp.floor_below_peak(dsp.power_to_db(jnp.asarray(power)), mask, 40.0)[:20]
    np.testing.assert_allclose(ours, librosa.power_to_db(power[:20], top_db=40.0), atol=1e-4)


def test_rms_matches_librosa(noise):
    theirs = 20 * np.log10(librosa.feature.rms(y=noise, frame_length=512, hop_length=256))[0]
    np.testing.assert_allclose(dsp.rms_db(jnp.asarray(noise), 512, 256), theirs, atol=1e-3)


@pytest.mark.parametrize("hz", [95.0, 140.0, 233.0, 410.0])
def test_voicing_finds_the_pitch_of_a_buzz(hz):
    time = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 8)).astype(np.float32)
    octaves, strength = dsp.voicing(jnp.asarray(buzz), 1024, 256, RATE)
    inner = slice(4, -4)
    np.testing.assert_allclose(100 * 2 ** np.asarray(octaves[inner]), hz, rtol=0.02)
    assert float(strength[inner].min()) > 0.9


def test_noise_is_not_voiced(noise):
    _, strength = dsp.voicing(jnp.asarray(noise), 1024, 256, RATE)
    assert float(jnp.median(strength)) < 0.5


def test_padding_does_not_change_any_frame(noise):
    padded = np.pad(noise, (0, 4_000))
    short = dsp.power_spectrum(jnp.asarray(noise), 512, 256)
    long = jax.jit(dsp.power_spectrum, static_argnums=(1, 2))(padded, 512, 256)
    assert dsp.frame_count(jnp.int32(len(noise)), 256) == short.shape[0]
    np.testing.assert_allclose(long[: short.shape[0]], short, rtol=1e-4, atol=1e-4)
