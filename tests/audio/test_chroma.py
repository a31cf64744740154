"""Chroma and tuning against librosa, on recordings and on tones whose tuning is known."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile

from voxjax.audio import chroma, dsp
from voxjax.data import synthetic

pytestmark = pytest.mark.full_compiler  # numbers that users get

RATE, WINDOW, HOP = 16_000, 2_048, 512


@pytest.fixture(scope="module")
def spectra(ravdess_dir):
    """Power `[clips, frames, bins]`, its mask, and noise as padding."""
    waveforms = [synthetic.render(synthetic.SPEAKERS[i], "happy", 0) for i in range(4)]
    waveforms += [soundfile.read(path, dtype="float32")[0] for path in sorted(ravdess_dir.rglob("*.flac"))[::96]]
    powers = [np.square(np.abs(librosa.stft(samples))).T for samples in waveforms]
    frames = max(map(len, powers)) + 5
    power = 1e3 * np.random.default_rng(0).random((len(powers), frames, powers[0].shape[1]), np.float32)
    mask = np.zeros(power.shape[:2], bool)
    for i, each in enumerate(powers):
        power[i, : len(each)], mask[i, : len(each)] = each, True
    return power, mask


def tuning(power, mask):
    index = jax.jit(jax.vmap(lambda p, m: chroma.tuning_index(p, m, RATE)))(power, mask)
    return -0.5 + np.asarray(index) / 100


def test_tuning_equals_librosas(spectra):
    theirs = [librosa.estimate_tuning(S=p[m].T, sr=RATE) for p, m in zip(*spectra, strict=True)]
    agree = np.abs(tuning(*spectra) - theirs) < 1e-6
    assert agree.mean() >= 0.9  # rounding decides between bins of equal count


def test_chroma_equals_librosas(spectra):
    power, mask = spectra
    banks = jnp.asarray(chroma.filters(RATE, WINDOW))
    ours = jax.jit(jax.vmap(lambda p, m: chroma.chroma(p, m, RATE, banks)))(power, mask)
    for each, found, values, valid in zip(power, tuning(power, mask), ours, mask, strict=True):
        theirs = librosa.feature.chroma_stft(S=each[valid].T, sr=RATE, tuning=found)
        np.testing.assert_allclose(values[valid].T, theirs, atol=1e-5)


@pytest.mark.parametrize("cents", [-37, 0, 24])
def test_tuning_of_a_chord_that_is_off_by_some_cents(cents):
    time = np.arange(2 * RATE) / RATE
    notes_hz = 440 * 2 ** ((np.array([-5, 0, 4, 7, 12]) + cents / 100) / 12)
    chord = np.sin(2 * np.pi * notes_hz[:, None] * time).sum(0).astype(np.float32)
    power = dsp.power_spectrum(jnp.asarray(chord), WINDOW, HOP)
    found = tuning(power[None], np.ones((1, len(power)), bool))[0]
    assert found == pytest.approx(cents / 100, abs=0.05)


def test_tuning_of_silence_equals_librosas():
    power = np.zeros((1, 10, WINDOW // 2 + 1), np.float32)
    with pytest.warns(UserWarning, match="empty frequency set"):
        theirs = librosa.estimate_tuning(S=power[0].T, sr=RATE)
    assert tuning(power, np.ones((1, 10), bool))[0] == theirs
    banks = jnp.asarray(chroma.filters(RATE, WINDOW))
    values = jax.jit(chroma.chroma, static_argnums=2)(power[0], jnp.ones(10, bool), RATE, banks)
    assert not np.any(values)


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_median_equals_numpys(count):
    values = np.random.default_rng(count).exponential(size=(20, 30)).astype(np.float32) ** 6
    chosen = np.zeros((20, 30), bool)
    chosen.ravel()[np.random.default_rng(1).permutation(600)[:count]] = True
    assert float(chroma._median(jnp.asarray(np.where(chosen, values, 0)))) == np.median(values[chosen])
