"""A discriminant on learnt patches: its numbers by hand, and what it can and can't tell apart."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from voxjax import models
from voxjax.errors import UsageError
from voxjax.models import discriminant_chunks, last_layer, patch_dictionary, patch_discriminant
from voxjax.models.patch_dictionary import Window
from voxjax.train import closed_form

CHANNELS, CLASSES = 6, 3
SMALL = {"frames": (4, 3), "steps": (1, 2), "components": 8, "words": 10, "shrinkage": 0.3}
ONE = {"frames": (4,), "steps": (1,)}  # window, which compiles in half the time
RANDOM = np.random.default_rng(0)


def speech(clips, frames=40, seed=0, copies=1):
    """Clips of noise with a gesture over channels and frames that differs between classes, at random places."""
    random = np.random.default_rng(seed)
    gestures = np.random.default_rng(9).normal(0.0, 2.0, (CLASSES, 4, CHANNELS))
    labels = np.arange(clips, dtype=np.int32) % CLASSES
    x = random.normal(0.0, 1.0, (clips, copies, frames, CHANNELS)).astype(np.float32)
    lengths = random.integers(frames // 2, frames + 1, clips)
    for i, label in enumerate(labels):
        for start in random.integers(0, lengths[i] - 4, 5):
            x[i, :, start : start + 4] += gestures[label]
    mask = np.arange(frames)[None] < lengths[:, None]
    return np.where(mask[:, None, :, None], x, 0.0), mask, labels


def network(**values):
    return models.build("patch_lda", {**SMALL, **values}, CLASSES)


def fit(x, mask, labels, key, **values):
    def read(numbers, copy):
        return x[numbers, copy], mask[numbers]

    return network(**values).module.fit(models.TrainingClips(read, labels, x.shape[1], key))


@functools.cache
def compiled_fit(values):
    return jax.jit(functools.partial(fit, **dict(values)))


def fitted(x, mask, labels, key=0, **values):
    """The weights of clips `[clips, copies, T, C]`."""
    arrays = (jnp.asarray(array) for array in (x, mask, labels))
    changed = tuple(sorted((name, value) for name, value in values.items() if value != 0.0))  # 0 is the default
    return compiled_fit(changed)(*arrays, jax.random.key(key))


def dictionary(window, words=7, components=5):
    random = np.random.default_rng(1)
    shapes = ((window.frames, CHANNELS, components), (components,), (components, words))
    projection, offset, found = (jnp.asarray(random.normal(size=shape), jnp.float32) for shape in shapes)
    return patch_dictionary.Dictionary(projection, offset, found, jnp.float32(0.3))


@pytest.mark.parametrize("window", [Window(4, 1), Window(3, 4), Window(1, 1)])
def test_responses_are_those_of_each_patch_by_hand(window):
    x = RANDOM.normal(2.0, 3.0, (2, 20, CHANNELS)).astype(np.float32)
    made = dictionary(window)
    found = patch_dictionary.responses(made, jnp.asarray(x), window)
    assert found.shape == (2, 20 - window.span + 1, 7)
    for clip in range(2):
        for start in (0, 5, found.shape[1] - 1):
            patch = x[clip, start : start + window.span : window.step].astype(np.float64)
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + 0.01)
            expected = (np.einsum("fc,fcd->d", patch, made.projection) - made.offset) @ made.words
            np.testing.assert_allclose(found[clip, start], expected, rtol=1e-4, atol=1e-3)


def test_components_are_those_of_scikit_learn():
    rows = (RANDOM.normal(size=(400, 12)) * np.arange(1, 13)).astype(np.float32)
    rows -= rows.mean(axis=0)
    variance, directions = patch_dictionary._principal(jnp.asarray(rows), 4, jax.random.key(0))
    reference = PCA(4).fit(rows)
    np.testing.assert_allclose(variance[::-1], reference.explained_variance_ * 399 / 400, rtol=1e-3)
    likeness = np.abs(np.sum(reference.components_ * np.asarray(directions).T[::-1], axis=1))
    np.testing.assert_allclose(likeness, 1.0, atol=1e-3)


def test_words_are_the_directions_of_groups():
    directions = np.eye(5)[:3]
    rows = np.repeat(directions, 50, axis=0) + RANDOM.normal(0.0, 0.05, (150, 5))
    for key in range(20):  # from first words of all groups; others stay where they began
        words = np.asarray(
            patch_dictionary._spherical_k_means(jnp.asarray(rows, jnp.float32), 3, jax.random.key(key))
        ).T
        np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1.0, atol=1e-5)
        nearest = np.argmax(words @ directions.T, axis=1)
        if sorted(nearest) == [0, 1, 2]:
            assert np.sum(words * directions[nearest], axis=1).min() > 0.99
            return
    raise AssertionError("no start had a row of each group")


def test_a_position_holds_a_whole_patch_and_a_short_clip_has_one():
    mask = np.arange(10)[None] < np.array([[10], [7], [3], [0]])
    found = patch_dictionary.positions(jnp.asarray(mask), Window(3, 2))  # 5 frames
    assert found.shape == (4, 6) and found.sum(axis=1).tolist() == [6, 3, 1, 1]


def test_padding_changes_nothing_and_short_clips_are_answered():
    x, mask, labels = speech(40)
    params = fitted(x, mask, labels)
    module = network().module

    def apply(weights, clip, valid, rates):
        return module.apply(weights, jnp.asarray(clip), jnp.asarray(valid), rates)

    short = x[:4, 0, :2]
    for clip, valid in ((x[:4, 0], mask[:4]), (short, np.ones((4, 2), bool))):
        plain = apply({"params": params}, clip, valid, None)
        padded = apply(
            {"params": params}, np.pad(clip, ((0, 0), (0, 9), (0, 0))), np.pad(valid, ((0, 0), (0, 9))), None
        )
        assert np.isfinite(plain).all()
        np.testing.assert_allclose(padded, plain, rtol=1e-4, atol=1e-4)


def test_new_clips_are_classified_and_shuffled_labels_give_chance():
    x, mask, labels = speech(120)
    new_x, new_mask, new_labels = speech(150, seed=1)

    def accuracy(of):
        logits = network().module.apply(
            {"params": fitted(x, mask, of)}, jnp.asarray(new_x[:, 0]), jnp.asarray(new_mask), None
        )
        return np.mean(np.argmax(logits, axis=1) == new_labels)

    assert accuracy(labels) > 0.9
    assert 0.15 < accuracy(np.random.default_rng(3).permutation(labels)) < 0.55  # chance is a third


def test_logits_are_of_the_embedding_which_is_standardised_over_the_training_clips():
    x, mask, labels = speech(40)
    params, module = fitted(x, mask, labels), network().module
    embedding = np.asarray(last_layer.inputs(module, {"params": params}, jnp.asarray(x[:, 0]), jnp.asarray(mask)))
    logits = module.apply({"params": params}, jnp.asarray(x[:, 0]), jnp.asarray(mask), None)
    assert embedding.shape == (40, 3 * SMALL["words"] * 2)
    np.testing.assert_allclose(embedding @ params["kernel"] + params["bias"][None], logits, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(embedding.mean(axis=0), 0.0, atol=1e-3)
    varied = embedding.std(axis=0) > 1e-3
    assert varied.mean() > 0.9
    np.testing.assert_allclose(embedding.std(axis=0)[varied], 1.0, atol=1e-3)


def test_responses_are_pooled_over_the_positions_of_a_clip():
    similarity = RANDOM.normal(0.5, 2.0, (3, 9, 7)).astype(np.float32)
    weights = (np.arange(9)[None] < np.array([[9], [4], [1]])).astype(np.float32)
    similarity[weights == 0.0] = np.nan  # padding may have any value
    found = patch_discriminant._pooled(jnp.asarray(similarity), jnp.float32(0.3), jnp.asarray(weights))
    for clip, count in enumerate((9, 4, 1)):
        valid = similarity[clip, :count].astype(np.float64)
        above, opposite = np.maximum(valid - 0.3, 0.0), np.maximum(-valid, 0.0)
        expected = [above.mean(0), np.sqrt(np.maximum(above.var(0), 1e-6)), opposite.mean(0)]
        np.testing.assert_allclose(found[clip], np.concatenate(expected), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("nuisance", "band_shift"), [(0.0, 0.0), (1.0, 0.0), (0.0, 0.2), (1.0, 0.2)])
def test_the_discriminant_is_that_of_its_statistics(nuisance, band_shift):
    x, mask, labels = speech(40, copies=2)
    x[:, 1] *= 1.1  # another contrast, and so the same patches but for the floor
    params = fitted(x, mask, labels, nuisance=nuisance, band_shift=band_shift, **ONE)
    options = network(**ONE).module.options  # of each version on its own
    rows = jnp.stack(
        [
            patch_discriminant.embedding(
                options, params, patch_discriminant.shifted_bands(jnp.asarray(x[:, copy]), factor), jnp.asarray(mask)
            )
            for copy in range(2)
            for factor in ((1.0, 0.8, 1.2) if band_shift else (1.0,))
        ]
    )
    found = discriminant_chunks.fit(
        discriminant_chunks.Rows(
            lambda numbers, copy: rows[copy][numbers], jnp.asarray(labels), CLASSES, rows.shape[0]
        ),
        SMALL["shrinkage"],
        nuisance,
        False,
    )
    np.testing.assert_allclose(params["kernel"], found.kernel, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(params["bias"], found.bias, rtol=1e-3, atol=1e-3)


def test_many_clips_are_fitted_in_chunks_as_few_are_at_once():
    x, mask, labels = speech(60, frames=12)
    assert x.shape[0] * 3 > 3 * SMALL["words"]  # more than statistics
    with pytest.MonkeyPatch.context() as patch:
        chunked = fitted(x, mask, labels, band_shift=0.1, **ONE)
        patch.setattr(discriminant_chunks, "few_clips", lambda rows: True)
        compiled_fit.cache_clear()
        at_once = fitted(x, mask, labels, band_shift=0.1, **ONE)
    compiled_fit.cache_clear()
    for name in ("mean", "scale"):
        np.testing.assert_allclose(chunked[name], at_once[name], rtol=1e-4, atol=1e-5)
    embedding = [
        patch_discriminant.embedding(
            network(band_shift=0.1, **ONE).module.options, one, jnp.asarray(x[:, 0]), jnp.asarray(mask)
        )
        @ one["kernel"]
        for one in (chunked, at_once)
    ]
    np.testing.assert_allclose(embedding[0], embedding[1], rtol=1e-2, atol=1e-2)


def test_bands_are_moved_by_a_factor_of_their_number():
    x = jnp.asarray(np.broadcast_to(np.arange(10.0, dtype=np.float32) ** 2, (2, 3, 10)))
    up = np.asarray(patch_discriminant.shifted_bands(x, 1.25))
    assert up.shape == x.shape
    np.testing.assert_allclose(up[1, 2, :5], [0.0, 1.75, 6.5, 14.25, 25.0])  # 1.25 lies between 1 and 4
    np.testing.assert_allclose(up[1, 2, 8:], 81.0)  # beyond the last
    np.testing.assert_allclose(patch_discriminant.shifted_bands(x, 0.5)[0, 0, 1:4], [0.5, 1.0, 2.5])
    assert patch_discriminant.shifted_bands(x, 1.0) is x


def test_a_clip_is_embedded_as_the_mean_of_its_shifted_versions():
    x, mask, labels = speech(40, copies=2)
    params = fitted(x, mask, labels, band_shift=0.2, **ONE)
    one, three = (network(band_shift=shift, **ONE).module.options for shift in (0.0, 0.2))
    clips = jnp.asarray(x[:5, 0])
    shifted = [
        patch_discriminant.embedding(
            one, params, patch_discriminant.shifted_bands(clips, factor), jnp.asarray(mask[:5])
        )
        for factor in (1.0, 0.8, 1.2)
    ]
    found = patch_discriminant.embedding(three, params, clips, jnp.asarray(mask[:5]))
    np.testing.assert_allclose(found, sum(shifted) / 3, rtol=1e-4, atol=1e-4)
    assert not np.allclose(found, shifted[0], atol=0.05)


def test_the_dictionary_follows_from_the_key_alone():
    x, mask, labels = speech(40)
    first, again, other = (fitted(x, mask, labels, key=key) for key in (0, 0, 1))
    shuffled = fitted(x, mask, labels[::-1].copy(), key=0)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert np.array_equal(first["words_0"], shuffled["words_0"])  # labels take no part in it
    assert not np.allclose(first["words_0"], other["words_0"])
    assert closed_form._FIT != 0  # the key of first weights is another


def test_it_compiles_to_what_it_computes_without():
    x, mask, labels = speech(40)
    eager = fit(jnp.asarray(x), jnp.asarray(mask), jnp.asarray(labels), jax.random.key(0), **ONE)
    logits = [
        network(**ONE).module.apply({"params": one}, jnp.asarray(x[:, 0]), jnp.asarray(mask), None)
        for one in (eager, fitted(x, mask, labels, **ONE))
    ]
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"frames": (4,), "steps": (1, 2)}, "one for each window"),
        ({"frames": ()}, "number of config.model.frames"),
        ({"steps": (0, 1)}, "config.model.steps"),
        ({"shrinkage": 0.0}, "config.model.shrinkage"),
        ({"words": 0}, "config.model.words"),
        ({"band_shift": 0.6}, "config.model.band_shift"),
    ],
)
def test_options_that_make_no_dictionary_are_refused(values, part):
    with pytest.raises(UsageError, match=part):
        network(**values)
