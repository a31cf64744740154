"""Filter banks that skip zeros against the product with all bins."""

import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.audio import dsp, filter_bank


@pytest.mark.parametrize(("window", "mels"), [(512, 64), (2_048, 128), (256, 20), (512, 33)])
def test_a_bank_equals_its_product_with_all_bins(window, mels):
    filters = dsp.mel_filters(16_000, window, mels, 50.0, 7_600.0)
    power = np.random.default_rng(0).exponential(size=(7, window // 2 + 1)).astype(np.float32)
    found = filter_bank.apply(jnp.asarray(power), filters)
    assert found.shape == (7, mels)
    np.testing.assert_allclose(found, power.astype(np.float64) @ filters, rtol=1e-5, atol=1e-6)


def test_filters_between_two_bins_are_zero():
    filters = np.zeros((9, 40), np.float32)
    filters[3:5, 0] = 1.0  # the filters from 32 on cover no bin
    found = filter_bank.apply(jnp.ones((2, 9)), filters)
    assert found[:, 0].tolist() == [2.0, 2.0] and not found[:, 1:].any()
