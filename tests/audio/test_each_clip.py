"""A function of one clip over batches of any size."""

import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.audio.each_clip import each_clip


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("clips", [1, 3, 4, 9])
def test_each_clip_has_the_value_of_its_samples_and_length(clips, at_once):
    samples = np.random.default_rng(clips).normal(size=(clips, 50)).astype(np.float32)
    lengths = np.arange(1, clips + 1, dtype=np.int32)

    def own(clip, length):
        return jnp.stack([jnp.max(clip), length.astype(jnp.float32)])

    found = each_clip(own, jnp.asarray(samples), jnp.asarray(lengths), at_once)
    np.testing.assert_array_equal(found, np.stack([samples.max(1), lengths.astype(np.float32)], axis=1))
