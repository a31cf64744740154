"""Augmentations have the documented effect, none at strength 0, and depend on neither batch nor padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from voxjax.audio import augment, dsp, features
from voxjax.config import EncoderFeatures, FrameFeatures, Hyper

CONFIG = FrameFeatures(channels=("logmel", "energy"))
SPANS = features.channel_spans(CONFIG)
KEY = jax.random.key(3)
F0 = jnp.float32(0)
DRAWS = augment.draws(KEY, 40)


def draws(i=0):
    """The draws of example i of a batch."""
    return jax.tree.map(lambda x: x[i], DRAWS)


def clip(length=60, size=90):
    levels = np.random.default_rng(0).uniform(-90, -20, (size, 65)).astype(np.float32)
    levels[length:] = 0
    return augment.Clip(jnp.asarray(levels), jnp.int32(length))


def test_at_strength_0_nothing_changes():
    hyper = Hyper()
    before = clip()
    after = augment.distort(CONFIG, draws(), hyper, F0, before)
    assert int(after.length) == 60
    np.testing.assert_allclose(after.frames[:60], before.frames[:60], atol=0.05)
    hidden = augment.spec_augment(draws(), hyper, F0, before.frames, before.length)
    np.testing.assert_array_equal(hidden, before.frames)


def test_stretch_changes_the_length_and_keeps_the_ends():
    for i in range(8):
        before = clip()
        after = augment.time_stretch(draws(i).stretch, jnp.float32(0.3), before)
        assert 60 / 1.36 <= int(after.length) <= 60 * 1.36
        np.testing.assert_allclose(after.frames[0], before.frames[0], rtol=1e-5)


def test_vtlp_moves_a_tone_along_the_mel_axis():
    time = np.arange(16_000) / 16_000
    tone, moved = (np.sin(2 * np.pi * hz * time).astype(np.float32) for hz in (1_000.0, 1_000.0 * np.e**0.2))
    mel = FrameFeatures()
    clips = [augment.Clip(features.logmel(mel, jnp.asarray(x)), jnp.int32(63)) for x in (tone, moved)]
    spans = features.channel_spans(mel)
    peaks = set()
    for i in range(20):
        warped = augment.vtlp(draws(i).vtlp, jnp.float32(0.2), clips[0], spans, mel)
        peaks.add(int(warped.frames[30].argmax()))
    plain, up = (int(c.frames[30].argmax()) for c in clips)
    assert min(peaks) < plain < max(peaks) and max(peaks) <= up + 1 and max(peaks) - min(peaks) >= 4


def test_gain_adds_one_number_to_all_levels():
    change = augment.gain(draws().gain, jnp.float32(6.0), clip(), SPANS).frames[:60] - clip().frames[:60]
    assert 0 < abs(float(change[0, 0])) <= 6
    np.testing.assert_allclose(change, change[0, 0], atol=1e-4)


def test_noise_raises_levels_to_its_signal_to_noise_ratio():
    before = clip()
    always = jnp.float32(1)
    raised = []
    for i in range(20):
        after = augment.noise(draws(i).noise, always, jnp.float32(0.0), before, SPANS)
        assert bool(jnp.all(after.frames[:60, :64] >= before.frames[:60, :64] - 1e-3))
        raised.append(float(jnp.mean(after.frames[:60, :64] - before.frames[:60, :64])))
    assert max(raised) > 10 > min(raised)
    same = augment.noise(draws().noise, F0, jnp.float32(0.0), before, SPANS)
    np.testing.assert_array_equal(same.frames, before.frames)


def test_noise_adds_powers_like_recorded_noise():
    random = np.random.default_rng(5)
    speech, hiss = random.normal(0, 0.1, (2, 16_000)).astype(np.float32)
    levels = [features.logmel(FrameFeatures(), jnp.asarray(x)) for x in (speech, hiss, speech + hiss)]
    together = jnp.logaddexp(levels[0] * 0.2302585, levels[1] * 0.2302585) / 0.2302585
    assert abs(float(jnp.mean(together - levels[2]))) < 1.0


def test_time_shift_delays_by_silence_and_keeps_the_clip():
    delays = set()
    for i in range(10):
        after = augment.time_shift(draws(i).shift, jnp.float32(8), clip(), SPANS)
        delay = int(after.length) - 60
        delays.add(delay)
        np.testing.assert_array_equal(after.frames[delay : delay + 60], clip().frames[:60])
        assert np.all(np.asarray(after.frames[:delay]) == augment.SILENCE_DB)
    assert 0 <= min(delays) < max(delays) <= 8


def test_crop_takes_a_random_part_of_a_long_clip_and_all_of_a_short_one():
    starts = set()
    for i in range(40):
        after = augment.crop(draws(i).crop, 55, clip())  # 60 valid frames
        assert after.frames.shape[0] == 55 and int(after.length) == 55
        starts.add(next(s for s in range(6) if np.array_equal(after.frames, clip().frames[s : s + 55])))
    assert starts == set(range(6))
    whole = augment.crop(draws().crop, 64, clip())
    assert int(whole.length) == 60
    np.testing.assert_array_equal(whole.frames, clip().frames[:64])
    assert augment.crop(draws().crop, 10_000, clip()).frames.shape == clip().frames.shape


@pytest.mark.parametrize("axis", [0, 1])
def test_masks_are_two_bands_up_to_the_given_width(axis):
    ones, masked = jnp.ones((100, 100)), []
    for i in range(40):
        hidden = augment.mask_bands(draws(i).time_bands, jnp.float32(0.2), ones, jnp.int32(50), axis)
        line = hidden[:, 0] if axis == 0 else hidden[0]
        np.testing.assert_array_equal(hidden, np.broadcast_to(line[:, None] if axis == 0 else line[None], (100, 100)))
        gone = np.flatnonzero(np.asarray(line) == 0)
        assert len(gone) <= 22 and (gone < 50).all() and set(np.unique(line)) <= {0.0, 1.0}
        assert np.count_nonzero(np.diff(gone) > 1) <= 1, "two bands have one gap at most"
        masked.append(gone)
    counts = [len(gone) for gone in masked]
    assert 6 < np.mean(counts) < 11  # two bands of 5 on average, which sometimes overlap
    assert max(counts) > 11, "wider than one band can be"
    assert set(np.concatenate(masked)) > set(range(5, 45)), "a band may be anywhere"


def test_spec_augment_masks_frames_and_channels():
    ones, zeros = jnp.ones((100, 40)), []
    for i in range(20):
        hidden = augment.spec_augment(draws(i), Hyper(), jnp.float32(1), ones, jnp.int32(50))
        gone = np.asarray(hidden) == 0
        frames, channels = gone.all(1), gone.all(0)
        np.testing.assert_array_equal(gone, frames[:, None] | channels[None, :])
        zeros.append((frames.any(), channels.any()))
    assert np.mean(zeros, axis=0).min() > 0.8


def mixing(size=8):
    inputs = jnp.asarray(np.random.default_rng(1).normal(size=(size, 5, 3)), jnp.float32)
    mask = jnp.arange(5)[None, :] < jnp.arange(1, size + 1)[:, None]
    return augment.Batch(jnp.where(mask[..., None], inputs, 0.0), mask, jax.nn.one_hot(jnp.arange(size), size))


def test_mixup_mixes_inputs_and_labels_with_the_same_weights():
    batch = mixing()
    mixed = augment.mixup(DRAWS.mixup[:8], jnp.float32(0.4), jnp.float32(1.0), batch)
    np.testing.assert_allclose(mixed.targets.sum(1), 1, rtol=1e-6)
    expected = jnp.einsum("ij,jtc->itc", mixed.targets, batch.inputs)  # one class per example
    np.testing.assert_allclose(mixed.inputs, expected, atol=1e-6)
    assert bool(jnp.all(jnp.diag(mixed.targets) >= 0.5))
    assert bool(jnp.all((jnp.abs(mixed.inputs).sum(-1) > 0) <= mixed.mask))


@pytest.mark.parametrize(("alpha", "probability"), [(0.0, 1.0), (0.4, 0.0)])
def test_mixup_at_strength_zero_changes_nothing(alpha, probability):
    mixed = augment.mixup(DRAWS.mixup[:8], jnp.float32(alpha), jnp.float32(probability), mixing())
    for ours, theirs in zip(mixed, mixing(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_example_does_not_depend_on_its_place_in_the_batch():
    frames = jnp.stack([clip().frames + i for i in range(4)])
    clips = augment.Clip(frames, jnp.array([60, 50, 40, 30], jnp.int32))
    one = jax.vmap(lambda draws, c: augment.distort(CONFIG, draws, Hyper(), jnp.float32(1), c))
    of_batch, order = augment.draws(KEY, 4), jnp.array([2, 0, 3, 1])
    straight = one(of_batch, clips)
    permuted = one(*jax.tree.map(lambda x: x[order], (of_batch, clips)))
    np.testing.assert_allclose(permuted.frames, straight.frames[order], rtol=1e-6)
    np.testing.assert_array_equal(permuted.length, straight.length[order])


def test_draws_of_a_place_do_not_depend_on_the_size_of_the_batch_or_on_other_draws():
    few = augment.draws(KEY, 3)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[:3]), few, DRAWS)
    table = np.concatenate([np.asarray(part).reshape(2_000, -1) for part in augment.draws(KEY, 2_000)], axis=1)
    assert ((table >= 0) & (table < 1)).all()
    np.testing.assert_allclose(table.mean(0), 0.5, atol=0.03)
    related = np.corrcoef(table.T) - np.eye(table.shape[1])
    assert np.abs(related).max() < 0.1


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2, 0.4, 1.0, 2.0, 10.0, 100.0])
def test_the_larger_weight_has_the_quantiles_of_the_beta_distribution(alpha):
    quantiles = np.linspace(0, 1, 400, endpoint=False, dtype=np.float32)
    ours = jax.jit(augment.larger_weight)(quantiles, jnp.float32(alpha))
    exact = scipy.stats.beta.ppf((1 + quantiles.astype(float)) / 2, alpha, alpha)
    np.testing.assert_allclose(ours, exact, atol=2e-3)


def test_encoder_features_are_stretched_and_cropped_and_keep_their_values():
    config = EncoderFeatures(encoder="any", blocks=(2,))
    still = augment.distort(config, draws(), Hyper(time_stretch=0.0), jnp.float32(1), clip(), 20)
    assert still.frames.shape == (20, 65) and int(still.length) == 20
    first = int(jnp.argmin(jnp.abs(clip().frames - still.frames[:1]).sum(1)))
    np.testing.assert_array_equal(still.frames, clip().frames[first : first + 20])
    stretched = augment.distort(config, draws(), Hyper(time_stretch=0.4), jnp.float32(1), clip())
    assert int(stretched.length) != 60


def test_silence_is_the_floor_of_the_features():
    assert float(dsp.power_to_db(jnp.zeros(()))) == augment.SILENCE_DB
