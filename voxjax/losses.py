"""Losses of one example, `[K] -> []`; the caller vmaps and reduces. A new loss is a row in `LOSSES`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


def smooth_labels(targets: Array, amount: Array) -> Array:
    """Label smoothing (Szegedy et al. 2016): moves `amount` of the class shares to all classes evenly."""
    return (1.0 - amount) * targets + amount / targets.shape[-1]


def focal(logits: Array, targets: Array, gamma: Array) -> Array:
    """Focal loss (Lin et al. 2017) with soft targets: `-sum_k t_k (1 - p_k)^gamma log p_k`.

    Each term is a function of the class's log-odds `z = log p / (1 - p)` alone: `log p = -softplus(-z)`,
    `log(1 - p) = -softplus(z)`. No probability is ever formed and then logged, so value and gradient are
    finite and accurate at all finite logits, p from exactly 0 to exactly 1, and any gamma to 16.

    Args:
        logits: `[K]`, computed with in float32 at least. One class alone has p = 1 and no loss.
        targets: `[K]`, shares of each class, summing to 1.
        gamma: `[]`, at least 0; 0 is cross-entropy.

    Returns:
        `[]`, in nats, in the type of `logits`. Gaps between logits count as at most 1/16 of the largest number
        of that type, so that the loss is one too; the gradient is right beyond.
    """
    odds = _log_odds(logits)
    targets, gamma = (jnp.asarray(x, odds.dtype) for x in (targets, gamma))
    each = jax.nn.softplus(-odds) * jnp.exp(-gamma * jax.nn.softplus(odds))
    return jnp.sum(targets * each).astype(logits.dtype)


def focal_naive(logits: Array, targets: Array, gamma: Array) -> Array:
    """The same loss as it is often written, from probabilities: kept to show how it fails.

    Where p rounds to 0 (in float32, some 90 nats behind), `-log p` is infinite, even if its target is 0; and
    where p rounds to 1 (17 nats ahead), the power of 0 has an infinite slope for gamma between 0 and 1. Times
    0, both are NaN, and one NaN in the gradient ends a training. `docs/design.md`, "Traps", counts how often.

    Args, Returns: as `focal` (Lin et al. 2017); the paper's alpha is the class weights, which the caller applies.
    """
    p = jax.nn.softmax(logits)
    return jnp.sum(targets * (1 - p) ** gamma * -jnp.log(p))


LOSSES: dict[str, Callable[[Array, Array, Array], Array]] = {"focal": focal, "focal_naive": focal_naive}


def _log_odds(logits: Array) -> Array:
    """`log p_k - log(1 - p_k)`, from the other classes' log-sum-exp: `[K] -> [K]`, float32 or wider."""
    kind = np.promote_types(logits.dtype, np.float32)
    lowest = float(jnp.finfo(logits.dtype).min) / 16
    wide = logits.astype(kind)
    gaps = jnp.maximum(wide - jnp.max(wide), lowest)
    # The gaps' values with the logits' slopes: at the floor, or where a difference overflows, `maximum` has none.
    gaps = wide - jax.lax.stop_gradient(wide) + jax.lax.stop_gradient(gaps)
    # Not -inf, whose log-sum-exp has no slope where a class is alone.
    others = jnp.where(jnp.eye(gaps.size, dtype=bool), 2 * lowest, gaps[None, :])
    return gaps - jax.nn.logsumexp(others, axis=-1)
