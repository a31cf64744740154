"""A function of one clip, applied to a batch in the order that suits the machine."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float, Int


def each_clip(
    function: Callable[[Array, Array], Array],
    samples: Float[Array, "batch time"],
    lengths: Int[Array, " batch"],
    at_once: int,
) -> Float[Array, "batch ..."]:
    """The function of each clip: `[batch, time], [batch] -> [batch, ...]`.

    A CPU computes few clips at a time, whose spectra then stay in a core's cache: 64 at once take three times as long.
    Other devices compute all clips at once.

    Args:
        function: of samples `[time]` and a length `[]`.
        samples: zero-padded clips.
        lengths: in samples.
        at_once: clips that a CPU computes at a time.
    """
    batch = samples.shape[0]
    if not isinstance(batch, int) or batch <= at_once:  # an exported program's batch is a symbol
        return jax.vmap(function)(samples, lengths)

    def few_at_a_time(samples: Array, lengths: Array) -> Array:
        size = at_once if at_once > 1 else None  # without `vmap`, which would compute both branches of a conditional
        return jax.lax.map(lambda clip: function(*clip), (samples, lengths), batch_size=size)

    return jax.lax.platform_dependent(samples, lengths, cpu=few_at_a_time, default=jax.vmap(function))
