"""Many values of shrinkage and nuisance in one program: as fits one by one, to the kept clips alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.test_lda import CLASSES, SIZES, by_hand, gaussians
from voxjax import models

SHRINKAGES, NUISANCES = np.array([0.1, 0.5, 0.9], np.float32), np.array([0.0, 2.0, 0.5], np.float32)


def clips_with_copies(clips, channels):
    """Clips and two copies of each: `[clips, 3, S]`."""
    x, labels = gaussians(clips, channels)
    moved = np.random.default_rng(2).normal(size=(clips, 2, channels)) * np.linspace(0.1, 2.0, channels)
    return np.concatenate([x[:, None], x[:, None] + moved], axis=1).astype(np.float32), labels


def tried(rows, labels, kept, values, **options):
    def read(numbers, copy):
        return jnp.asarray(rows)[numbers, copy, None], jnp.ones((numbers.size, 1), bool)

    module = models.build("lda", options, CLASSES).module
    clips = models.TrainingClips(read, jnp.asarray(labels), rows.shape[1], jax.random.key(0))
    return np.asarray(jax.jit(lambda: module.try_values(clips, jnp.asarray(kept), jax.tree.map(jnp.asarray, values)))())


@pytest.mark.parametrize(("clips", "channels"), SIZES)
def test_logits_are_those_of_fits_one_by_one(clips, channels):
    rows, labels = clips_with_copies(clips, channels)
    kept = np.random.default_rng(3).random(clips) < 0.7
    found = tried(rows, labels, kept, {"shrinkage": SHRINKAGES, "nuisance": NUISANCES})
    differences = (rows[kept, 1:] - rows[kept, :1]).reshape(-1, channels)
    for logits, shrinkage, nuisance in zip(found, SHRINKAGES, NUISANCES, strict=True):
        kernel, bias = by_hand(rows[kept, 0], labels[kept], float(shrinkage), differences, float(nuisance))
        np.testing.assert_allclose(logits, rows[:, 0] @ kernel + bias, atol=0.02)


@pytest.mark.parametrize(("clips", "channels"), SIZES)
def test_clips_that_are_not_kept_change_nothing(clips, channels):
    rows, labels = clips_with_copies(clips, channels)
    kept = np.arange(clips) % 3 > 0
    values = {"shrinkage": SHRINKAGES}
    found = tried(rows, labels, kept, values, nuisance=1.5)
    other = np.where(kept[:, None, None], rows, 7.0).astype(np.float32)
    np.testing.assert_allclose(tried(other, labels, kept, values, nuisance=1.5)[:, kept], found[:, kept], atol=5e-3)


def test_without_a_nuisance_copies_are_further_clips():
    rows, labels = clips_with_copies(60, 9)
    found = tried(rows, labels, np.ones(60, bool), {"shrinkage": SHRINKAGES[1:2]})[0]
    kernel, bias = by_hand(rows.reshape(-1, 9), np.repeat(labels, 3), 0.5)
    np.testing.assert_allclose(found, rows[:, 0] @ kernel + bias, atol=0.02)
