"""Annotations of arrays are checked while the tests run: a wrong shape or dtype is an error."""

import inspect

import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from voxjax.audio import augment, dsp, features, pooling
from voxjax.config import FrameFeatures

F0 = jnp.float32(0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: dsp.frame(jnp.zeros((2, 100)), 16, 8),
        lambda: dsp.floor_below_peak(jnp.zeros((5, 3)), jnp.ones(4, bool), 80.0),
        lambda: dsp.project(jnp.zeros((5, 3)), jnp.zeros((4, 2))),
        lambda: pooling.mean_and_deviation(jnp.zeros((2, 5, 3)), jnp.zeros((2, 4))),
        lambda: features.extract(FrameFeatures(), jnp.zeros((2, 4_000)), jnp.zeros(3, jnp.int32)),
        lambda: features.extract(FrameFeatures(), jnp.zeros((2, 4_000)), jnp.zeros(2)),
        lambda: jax.vmap(dsp.power_to_db)(jnp.zeros(3, jnp.int32)),
        lambda: augment.mask_bands(jnp.zeros((2, 2)), F0, jnp.zeros((2, 5, 3)), jnp.int32(5), 0),
    ],
)
def test_a_wrong_shape_or_dtype_is_an_error(call):
    with pytest.raises(jaxtyping.TypeCheckError):
        call()


def test_a_function_that_returns_another_shape_than_annotated_is_an_error(monkeypatch):
    monkeypatch.setattr(dsp, "frames_from", lambda samples, frames, window, hop: jnp.zeros((frames + 1, window)))
    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        dsp.frame(jnp.zeros(100), 16, 8)


@pytest.mark.parametrize("module", [augment, dsp, features, pooling])
def test_all_functions_are_checked(module):
    own = [f for _, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    assert own and all(hasattr(function, "__wrapped__") for function in own)
