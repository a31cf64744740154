"""Losses of one example, `[K] -> []`; the caller vmaps and reduces."""

import jax
import jax.numpy as jnp

Array = jax.Array


def smooth(targets: Array, amount: Array) -> Array:
    """Label smoothing (Szegedy et al. 2016): moves `amount` of the class shares to all classes evenly."""
    return (1.0 - amount) * targets + amount / targets.shape[-1]


def focal(logits: Array, targets: Array, gamma: Array) -> Array:
    """Focal loss (Lin et al. 2017) with soft targets: `-sum_k t_k (1 - p_k)^gamma log p_k`.

    Both `log p` and `log(1 - p)` come from log-sum-exps, never from `log(1 - exp(...))`, so value
    and gradient are finite for all finite logits, p from exactly 0 to exactly 1.

    Args:
        logits: `[K]`.
        targets: `[K]`, shares of each class, summing to 1.
        gamma: `[]`, at least 0; 0 is cross-entropy.

    Returns:
        `[]`, in nats.
    """
    log_p = jax.nn.log_softmax(logits)
    others = jnp.where(jnp.eye(logits.shape[-1], dtype=bool), -jnp.inf, log_p[None, :])
    log_rest = jax.nn.logsumexp(others, axis=-1)  # log(1 - p_k), from the other classes
    return -jnp.sum(targets * jnp.exp(gamma * log_rest) * log_p)


LOSSES = {"focal": focal}
