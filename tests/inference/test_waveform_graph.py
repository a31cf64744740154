"""A model as one function of the waveform: it cuts as the predictor does, and is differentiable."""

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import untrained
from voxjax.artifacts import model_folder
from voxjax.audio import features
from voxjax.audio.normalize import Scaler
from voxjax.errors import UsageError
from voxjax.inference import waveform_graph

CHECKPOINTS = pathlib.Path(__file__).resolve().parents[2] / "checkpoints"


def bursts(*parts):
    """Noise of given lengths, at levels that alternate between full and 60 dB below: float32 [time]."""
    noise = np.random.default_rng(len(parts)).normal(size=sum(parts)).astype(np.float32)
    return noise * np.repeat([1e-3 if i % 2 else 1.0 for i in range(len(parts))], parts).astype(np.float32)


@pytest.mark.parametrize("level", ["keep", "peak"])
@pytest.mark.parametrize(
    "samples",
    [
        bursts(400),
        bursts(2_000),
        bursts(2_001),
        bursts(7_003),
        bursts(1_900, 3_000),  # quiet end: fewer windows than its length has room for
        bursts(0, 999, 3_050, 2_222),  # quiet at both ends
        np.zeros(2_500, np.float32),
    ],
    ids=len,
)
def test_windows_are_those_of_the_predictor(samples, level):
    config = dataclasses.replace(untrained.FEATURES, level=level)
    cut = waveform_graph.windows(config, jnp.asarray(samples))
    wanted = features.windows(config, features.prepare(config, samples))
    assert cut.samples.shape[0] == -(-len(samples) // config.max_samples)
    assert cut.lengths.tolist() == [len(one) for one in wanted] + [0] * (len(cut.lengths) - len(wanted))
    padded = [np.pad(one, (0, config.max_samples - len(one))) for one in wanted]
    np.testing.assert_allclose(cut.samples[: len(wanted)], padded, rtol=1e-6)
    assert not cut.samples[len(wanted) :].any()


def test_a_large_offset_is_removed_to_the_last_bits():
    noise = np.random.default_rng(0).normal(size=100_000).astype(np.float32) * 1e-3
    found = waveform_graph.without_offset(jnp.asarray(noise + np.float32(0.5)))
    assert abs(float(np.mean(np.asarray(found, np.float64)))) < 1e-9


@pytest.fixture(scope="module")
def optimized():
    return model_folder.load(CHECKPOINTS / "optimized")


def test_the_gradient_reaches_the_part_of_the_waveform_that_is_used():
    graph = waveform_graph.waveform_graph("untrained", untrained.model())
    samples = bursts(0, 2_048, 3_000)  # in hops of 64 samples
    value_and_gradient = jax.jit(jax.value_and_grad(lambda x: graph.log_probabilities(graph.weights, x)[0]))
    value, gradient = value_and_gradient(samples)
    assert np.isfinite(gradient).all() and value < 0
    assert np.ptp(gradient[:2_048]) == 0.0  # cut off: these count in the constant offset alone
    assert np.abs(gradient[2_048:]).mean() > 10 * np.abs(gradient[0])
    step = np.float32(1e-3) * np.sign(gradient)
    changed = value_and_gradient(samples + step)[0] - value
    np.testing.assert_allclose(changed, np.sum(gradient * step), rtol=0.1)


def test_weights_are_halved_where_nothing_is_lost(optimized):
    graph = waveform_graph.waveform_graph("optimized", optimized)
    exact = optimized.members[0].variables["params"]
    for kept, leaf in zip(
        jax.tree.leaves(graph.weights["feature_sets"][0]["members"][0]["params"]), jax.tree.leaves(exact), strict=True
    ):
        np.testing.assert_array_equal(kept.astype(np.float32), leaf)


def test_a_model_that_takes_text_too_is_refused_in_one_line(optimized):
    member = dataclasses.replace(
        optimized.members[0], modality_scalers={"text": Scaler(np.zeros((1, 8)), np.ones((1, 8)))}
    )
    with pytest.raises(UsageError, match=r"^fused: expected a model of sound alone, found one that also takes text; "):
        waveform_graph.waveform_graph("fused", dataclasses.replace(optimized, members=[member]))
