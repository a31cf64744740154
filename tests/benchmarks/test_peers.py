"""The reference network is the same in each library: as many weights, and a loss that falls."""

import importlib.util

import jax
import pytest

from voxjax.benchmarks import reference_network as reference
from voxjax.benchmarks.workloads import reference_step
from voxjax.models import parameter_count


@pytest.fixture(scope="module")
def weights():
    """The number of weights of VoxJAX's network; nothing is compiled."""
    task = reference_step.network_task()
    inputs = jax.ShapeDtypeStruct((reference.BATCH, reference.POSITIONS, 1), "float32")
    mask = jax.ShapeDtypeStruct((reference.BATCH, reference.POSITIONS), "bool")
    return parameter_count(jax.eval_shape(task.network.init, jax.random.key(0), inputs, mask))


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_pytorchs_network_has_as_many_weights_and_learns(weights):
    from voxjax.benchmarks.peers import torch_step

    recurrent_bias = sum(2 * 4 * units for units in reference.LSTM)  # PyTorch's LSTM has a second one
    network = torch_step._Network()
    assert sum(p.numel() for p in network.parameters()) - recurrent_bias == weights
    call = torch_step.start()
    call()


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_kerass_network_has_as_many_weights(weights):
    from voxjax.benchmarks.peers import keras_step

    assert sum(int(v.numpy().size) for v in keras_step._network().trainable_variables) == weights
