"""Losses of one example, `[K] -> []`; the caller vmaps and reduces. A new loss is a row in `LOSSES`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Scalar = Float[Array, ""] | float


def smooth_labels(targets: Float[Array, "... K"], amount: Scalar) -> Float[Array, "... K"]:
    """Label smoothing (Szegedy et al. 2016): spreads `amount` of the probability evenly, `[..., K], [] -> [..., K]`."""
    return (1.0 - amount) * targets + amount / targets.shape[-1]


def focal(logits: Float[Array, " K"], targets: Float[Array, " K"], gamma: Scalar) -> Float[Array, ""]:
    """Focal loss (Lin et al. 2017) with soft targets: `-sum_k t_k (1 - p_k)^gamma log p_k`.

    Each term is a function of the class's log-odds `z = log p / (1 - p)` alone: `log p = -softplus(-z)`,
    `log(1 - p) = -softplus(z)`. No logarithm of a probability is taken, so value and gradient are finite
    and accurate at all finite logits, p from exactly 0 to exactly 1, and any gamma up to 16.

    Args:
        logits: `[K]`; computed in at least float32. A single class has p = 1 and no loss.
        targets: `[K]`, class probabilities, summing to 1.
        gamma: `[]`, at least 0; 0 is cross-entropy.

    Returns:
        `[]`, in nats, in the type of `logits`. Differences between logits are limited to 1/16 of the largest number
        of that type, so that the loss is finite; the gradient is correct beyond that, too.
    """
    odds = _log_odds(logits)
    targets, gamma = (jnp.asarray(x, odds.dtype) for x in (targets, gamma))
    each = jax.nn.softplus(-odds) * jnp.exp(-gamma * jax.nn.softplus(odds))
    return jnp.sum(targets * each).astype(logits.dtype)


def focal_naive(logits: Float[Array, " K"], targets: Float[Array, " K"], gamma: Scalar) -> Float[Array, ""]:
    """The focal loss as it is often implemented, from probabilities; kept to show how it fails.

    Where p rounds to 0 (in float32, about 90 nats below the largest), `-log p` is infinite, even if its target is 0.
    Where p rounds to 1 (17 nats above the rest), the power of 0 has an infinite derivative for gamma between 0 and 1.
    Times 0, both are NaN, and one NaN in the gradient ruins a training run. `docs/design.md`, "Traps", has the counts.

    Args, Returns: as `focal` (Lin et al. 2017); the paper's alpha is the class weights, which the caller applies.
    """
    p = jax.nn.softmax(logits)
    return jnp.sum(targets * (1 - p) ** gamma * -jnp.log(p))


LOSSES: dict[str, Callable[[Array, Array, Scalar], Array]] = {"focal": focal, "focal_naive": focal_naive}


def _log_odds(logits: Float[Array, " K"]) -> Float[Array, " K"]:
    """`log p_k - log(1 - p_k)`, from the other classes' log-sum-exp: `[K] -> [K]`, float32 or wider."""
    wide_type = np.promote_types(logits.dtype, np.float32)
    lowest = float(jnp.finfo(logits.dtype).min) / 16
    wide = logits.astype(wide_type)
    gaps = jnp.maximum(wide - jnp.max(wide), lowest)
    # Values of the gaps, gradients of the logits: `maximum` has no gradient at the floor or at an overflow.
    gaps = wide - jax.lax.stop_gradient(wide) + jax.lax.stop_gradient(gaps)
    # Not -inf, whose log-sum-exp has no gradient where there is only one class.
    rest = jnp.where(jnp.eye(gaps.size, dtype=bool), 2 * lowest, gaps[None, :])
    return gaps - jax.nn.logsumexp(rest, axis=-1)
