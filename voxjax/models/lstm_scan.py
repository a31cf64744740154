"""The loop of an LSTM over time, with a gradient of its own.

The gradient that JAX derives keeps a dozen arrays of every position and adds up the recurrent weights' gradient inside
the loop. This one keeps the gates, the cells and the outputs, and forms that gradient by one matrix product after the
loop. It compiles to half as many loops and runs faster.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

State = tuple[Float[Array, "B U"], Float[Array, "B U"]]  # the output and the cell
Kept = tuple[Array, ...]  # what the gradient needs


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def lstm_scan(
    inputs: Float[Array, "T B gates"], recurrent: Float[Array, "U gates"], valid: Bool[Array, "T B 1"], reverse: bool
) -> Float[Array, "T B U"]:
    """The outputs of an LSTM (Hochreiter and Schmidhuber 1997) at all positions; invalid ones leave its state as it is.

    Args:
        inputs: the input's part of the gates with their biases, `4 * U` wide: input, forget, update, output.
        recurrent: weights from the last output to the gates.
        valid: which positions belong to the clip.
        reverse: whether time runs backwards.
    """

    def step(state: State, position: tuple[Array, Array]) -> tuple[State, Array]:
        state, _ = _cell(recurrent, state, *position)
        return state, state[0]

    return jax.lax.scan(step, _start(inputs, recurrent), (inputs, valid), reverse=reverse)[1]


def _cell(recurrent: Array, state: State, inputs: Array, valid: Array) -> tuple[State, Array]:
    """The state after a position, and the activated gates: `[B, 4U]`."""
    output, cell = state
    gates = _activated(inputs + output @ recurrent)
    entered, kept, update, shown = jnp.split(gates, 4, axis=-1)
    new = kept * cell + entered * update
    return (jnp.where(valid, shown * jnp.tanh(new), output), jnp.where(valid, new, cell)), gates


def _activated(gates: Array) -> Array:
    """Sigmoids of the input, forget and output gates and the hyperbolic tangent of the update: `[B, 4U] -> [B, 4U]`.

    A sigmoid is a stretched and shifted hyperbolic tangent, so that all four are one vectorised call.
    """
    units = gates.shape[-1] // 4
    scale = np.repeat(np.array([[0.5, 0.5, 1.0, 0.5]], gates.dtype), units, axis=1)
    shift = np.repeat(np.array([[0.5, 0.5, 0.0, 0.5]], gates.dtype), units, axis=1)
    return scale * jnp.tanh(scale * gates) + shift


def _start(inputs: Array, recurrent: Array) -> State:
    zeros = jnp.zeros((inputs.shape[1], recurrent.shape[0]), inputs.dtype)
    return zeros, zeros


def _forward(inputs: Array, recurrent: Array, valid: Array, reverse: bool) -> tuple[Array, Kept]:
    def step(state: State, position: tuple[Array, Array]) -> tuple[State, tuple[Array, Array, Array]]:
        state, gates = _cell(recurrent, state, *position)
        return state, (*state, gates)

    _, (outputs, cells, gates) = jax.lax.scan(step, _start(inputs, recurrent), (inputs, valid), reverse=reverse)
    return outputs, (recurrent, valid, outputs, cells, gates)


def _backward(reverse: bool, kept: Kept, outputs_gradient: Array) -> tuple[Array, Array, None]:
    """Gradients of the inputs and of the recurrent weights.

    What does not depend on later positions is computed for all at once, so that the loop has few operations.
    """
    recurrent, valid, outputs, cells, gates = kept
    back = jnp.swapaxes(recurrent, 0, 1)
    entered, remembered, update, shown = jnp.split(gates, 4, axis=-1)
    squashed, before = jnp.tanh(cells), _before(cells, reverse)
    slopes = [  # of the cell by the first three gates, of the output by the last: [T, B, U] each
        update * entered * (1.0 - entered),
        before * remembered * (1.0 - remembered),
        entered * (1.0 - update * update),
        squashed * shown * (1.0 - shown),
    ]
    by_gate = jnp.where(valid[..., None], jnp.stack(slopes, axis=2), 0.0)  # [T, B, 4, U]
    by_cell = jnp.where(valid, shown * (1.0 - squashed * squashed), 0.0)
    carried = jnp.where(valid, remembered, 1.0)

    def step(later: State, position: tuple[Array, ...]) -> tuple[State, Array]:
        (output, cell), (gradient, valid, by_gate, by_cell, carried) = later, position
        output = gradient + output
        cell = cell + output * by_cell
        of_output = np.arange(4)[None, :, None] == 3
        each = jnp.where(of_output, output[:, None, :], cell[:, None, :]) * by_gate
        gates_gradient = each.reshape(each.shape[0], -1)
        earlier = gates_gradient @ back + jnp.where(valid, 0.0, output)
        return (earlier, cell * carried), gates_gradient

    positions = (outputs_gradient, valid, by_gate, by_cell, carried)
    _, gates_gradient = jax.lax.scan(step, _start(gates, recurrent), positions, reverse=not reverse)
    recurrent_gradient = jnp.einsum("tbu,tbg->ug", _before(outputs, reverse), gates_gradient)
    return gates_gradient, recurrent_gradient, None


def _before(states: Array, reverse: bool) -> Array:
    """The states before each position: `[T, B, U]`, zero before the first."""
    zeros = jnp.zeros_like(states[:1])
    return jnp.concatenate([states[1:], zeros] if reverse else [zeros, states[:-1]])


lstm_scan.defvjp(_forward, _backward)
