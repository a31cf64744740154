"""The forward pass of evaluation: equal to training's and the predictor's, and independent of padding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.modalities.test_batch import fusing, several
from tests.train.test_step import HYPER, data, task
from voxjax import models
from voxjax.config import EncoderFeatures, FrameFeatures
from voxjax.inference import batched_forward
from voxjax.modalities.batch import Sequences
from voxjax.models.forward import ForwardInputs, forward, scaled_inputs
from voxjax.train import step

KEY = jax.random.key(3)
INDICES = np.array([3, 8, 0, 11, 6], np.int32)
CASES = {
    "frames": (task, data),
    "vector": (lambda: task("vector"), lambda: data("vector")),
    "fusion": (fusing, several),
}
every = pytest.mark.parametrize("name", CASES)
compiled = jax.jit(forward, static_argnums=(0, 1, 2))


@functools.cache
def case(name):
    """Task, data, and variables without zeros."""
    own_task, own = (make() for make in CASES[name])
    variables = step.init(own_task, step.traced(HYPER), KEY, own).variables
    random = np.random.default_rng(0)
    return own_task, own, jax.tree.map(lambda x: x + 0.1 * random.uniform(size=x.shape).astype(np.float32), variables)


def arguments(name):
    """Of `forward`, for the clips at `INDICES`."""
    own_task, own, variables = case(name)
    chosen = {
        name: Sequences(*(part[INDICES] for part in one)) for name, one in dict(own.clips.modality_inputs).items()
    }
    inputs = ForwardInputs(own.clips.features[INDICES, 0], own.clips.lengths[INDICES, 0], chosen)
    static = (own_task.network, own_task.features, own_task.modalities)
    return *static, variables, own.scaler, dict(own.modality_scalers), {}, inputs


@every
def test_forward_has_the_bits_of_evaluation_in_training(name):
    own_task, own, variables = case(name)
    theirs = jax.jit(step.evaluate, static_argnums=0)(own_task, variables, own, INDICES)
    found = compiled(*arguments(name))
    assert found.shape == (5, 4) and found.dtype == jnp.float32
    assert float(jnp.ptp(found)) > 1e-2
    np.testing.assert_array_equal(found, theirs)


@every
def test_the_predictor_has_the_bits_of_evaluation_in_training(name):
    own_task, own, variables = case(name)
    theirs = jax.jit(step.evaluate, static_argnums=0)(own_task, variables, own, INDICES)
    np.testing.assert_array_equal(batched_forward._forward(*arguments(name)), theirs)


@every
def test_values_of_padding_do_not_change_the_logits(name):
    *rest, inputs = arguments(name)

    def with_noisy_padding(values, lengths):
        return jnp.where(np.arange(values.shape[1])[None, :, None] < lengths[:, None, None], values, jnp.nan)

    chosen = {key: Sequences(with_noisy_padding(*one), one.lengths) for key, one in inputs.modality_inputs.items()}
    dirty = ForwardInputs(with_noisy_padding(inputs.features, inputs.lengths), inputs.lengths, chosen)
    np.testing.assert_array_equal(compiled(*rest, dirty), compiled(*rest, inputs))


def test_scaled_inputs_equal_numpys():
    _, features, modalities, _, scaler, modality_scalers, _, inputs = arguments("fusion")
    values, masks = scaled_inputs(features, modalities, scaler, modality_scalers, inputs)
    assert set(values) == set(masks) == {"audio", "text", "face"}
    face, own = inputs.modality_inputs["face"], modality_scalers["face"]
    for i in range(5):
        inside = np.arange(face.values.shape[1]) < int(face.lengths[i])
        expected = (np.asarray(face.values[i]) - np.asarray(own.mean)) / np.asarray(own.std) * inside[:, None]
        np.testing.assert_array_equal(masks["face"][i], inside)
        np.testing.assert_allclose(values["face"][i], expected, atol=1e-5)
        count = int(inputs.lengths[i])
        audio = (np.asarray(inputs.features[i, :count]) - np.asarray(scaler.mean)) / np.asarray(scaler.std)
        np.testing.assert_allclose(values["audio"][i, :count], audio, atol=1e-4)
        assert not np.any(values["audio"][i, count:]) and masks["audio"][i].sum() == count


def test_a_clip_without_audio_depends_only_on_its_other_modalities():
    *rest, inputs = arguments("fusion")
    silent = inputs._replace(lengths=0 * inputs.lengths)
    other = silent._replace(features=-inputs.features)
    found = compiled(*rest, silent)
    assert bool(jnp.all(jnp.isfinite(found)))
    np.testing.assert_array_equal(found, compiled(*rest, other))
    assert not np.array_equal(found, compiled(*rest, inputs))


class Recorder(models.Network):
    """A network that keeps its arguments."""

    def apply(self, *given):
        object.__setattr__(self, "given", given)
        return jnp.zeros((2, 1))


def test_the_network_gets_float32_features_and_the_pretrained_blocks():
    features = EncoderFeatures(encoder="whisper_tiny_en", blocks=(2,), hop_ms=20.0, centre="none", tuned_blocks=1)
    inputs = ForwardInputs(np.ones((2, 3, 4), np.float16), np.array([3, 1], np.int32), {})
    blocks, scaler = {"blocks": "of the encoder"}, case("frames")[1].scaler
    network, weights = Recorder(models.build("baseline", {}, 1).module), models.Variables({"kernel": 1}, {})
    forward(network, features, (), weights, scaler, {}, blocks, inputs)
    variables, values, mask, given = network.given
    assert (variables, given) == (weights, blocks)
    assert values.dtype == jnp.float32
    np.testing.assert_array_equal(mask, [[1, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(values[..., 0], mask.astype(np.float32))


def test_a_network_without_modalities_ignores_those_of_the_clips():
    network, features = models.build("baseline", {"filters": (3,), "dense": (4,)}, 2), FrameFeatures(mels=16)
    values, masks = scaled_inputs(features, (), case("frames")[1].scaler, {}, arguments("fusion")[-1])
    assert values.shape == (5, 40, 16) and masks.shape == (5, 40)
    variables = network.init(KEY, values, masks)
    assert network.apply(variables, values, masks).shape == (5, 2)
