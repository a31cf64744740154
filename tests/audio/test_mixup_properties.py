"""Mixup keeps the mass of labels and inputs together, whatever the draws, strength and masks."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from voxjax.audio import augment

MIXUP = jax.jit(augment.mixup)
UNIT = st.floats(0, 1, exclude_max=True, width=32)


@hypothesis.settings(max_examples=50)
@hypothesis.given(
    draws=st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=6, max_size=6),
    alpha=st.sampled_from([0.0, 0.01, 0.2, 1.0, 8.0, 100.0]),
    probability=st.sampled_from([0.0, 0.3, 1.0]),
    labels=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    lengths=st.lists(st.integers(0, 5), min_size=6, max_size=6),
)
def test_targets_stay_distributions_and_inputs_mix_as_they_do(draws, alpha, probability, labels, lengths):
    """Inputs that are the targets stay the targets; the own label keeps at least half; nothing else comes in."""
    draws = np.array(draws, np.float32)
    targets = np.eye(4, dtype=np.float32)[labels]
    mask = np.arange(5)[None, :] < np.array(lengths)[:, None]
    inputs = np.repeat(targets[:, None], 5, axis=1)
    mixed = MIXUP(jnp.asarray(draws), alpha, probability, augment.Batch(*map(jnp.asarray, (inputs, mask, targets))))
    found = np.asarray(mixed.targets)
    np.testing.assert_allclose(found.sum(1), 1.0, rtol=1e-6)
    assert found.min() >= 0 and (found[np.arange(6), labels] >= 0.5 - 1e-6).all()
    np.testing.assert_allclose(mixed.inputs, np.repeat(found[:, None], 5, axis=1), atol=1e-6)
    partner = np.argsort(draws[:, 0], kind="stable")
    own = np.asarray(augment.larger_weight(jnp.asarray(draws[:, 1]), alpha))
    chosen = (draws[:, 2] < np.float32(probability)) & (alpha > 0)
    own = np.where(chosen, own, 1.0)[:, None]
    np.testing.assert_allclose(found, own * targets + (1 - own) * targets[partner], atol=1e-6)
    np.testing.assert_array_equal(mixed.mask, mask | (mask[partner] & chosen[:, None]))
