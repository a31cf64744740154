"""Linear discriminants with several values of shrinkage and nuisance, fitted to the same clips.

Sums over clips are computed once: they depend on neither.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from voxjax.models import discriminant_chunks, discriminant_fit
from voxjax.models.discriminant_chunks import CHUNK, Rows
from voxjax.models.discriminant_fit import Moments, Strengths


def logits(
    rows: Rows, kept: Bool[Array, " clips"], strengths: Strengths, differences: bool, even_priors: bool
) -> Float[Array, "values clips K"]:
    """Logits of all clips, without copies, by fits to the kept ones.

    Args:
        rows: the clips.
        kept: those that are fitted to.
        strengths: `[values]` each.
        differences: whether copies count as what they change, and not as further clips.
        even_priors: whether all classes are as probable.
    """
    solve = _from_products if discriminant_chunks.few_clips(rows) else _from_moments
    return solve(rows, kept, strengths, differences, even_priors)


def _from_products(
    rows: Rows, kept: Bool[Array, " clips"], strengths: Strengths, differences: bool, even_priors: bool
) -> Float[Array, "values clips K"]:
    every = discriminant_chunks.every_row(rows, differences)
    products = every.values @ every.values.T
    of_class, spread = every.kept(kept.astype(products.dtype))
    priors = discriminant_fit.log_priors(jnp.sum(of_class, axis=0), even_priors)

    def at(one: Strengths) -> Float[Array, "clips K"]:
        found = discriminant_fit.solve_products(products, of_class, spread, one)
        return products[: rows.labels.size] @ found.weights + (found.bias + priors)[None]

    return jax.lax.map(at, strengths)


def _from_moments(
    rows: Rows, kept: Bool[Array, " clips"], strengths: Strengths, differences: bool, even_priors: bool
) -> Float[Array, "values clips K"]:
    clips = rows.labels.size
    width = -(-clips // CHUNK) * CHUNK
    numbers = jnp.minimum(jnp.arange(width), clips - 1)
    valid = (jnp.arange(width) < clips) & kept[numbers]
    chunks = (numbers.reshape(-1, CHUNK), valid.reshape(-1, CHUNK))
    plain, widened = (discriminant_chunks.sums_of(rows, *chunks, weight, differences) for weight in (0.0, 1.0))
    changes = (widened.second - plain.second) / max(rows.copies - 1, 1)  # of copies, 0 where they are further clips
    priors = discriminant_fit.log_priors(plain.clips, even_priors)

    def at(one: Strengths) -> Float[Array, "width K"]:
        sums = Moments(plain.clips, plain.total, plain.second + one.nuisance * changes)
        kernel, gram = discriminant_fit.solve_moments(sums, one.shrinkage)
        bias = priors - 0.5 * jnp.diagonal(gram)
        found = jax.lax.map(lambda chosen: rows.read(chosen, 0) @ kernel + bias[None], chunks[0])
        return found.reshape(width, -1)

    return jax.lax.map(at, strengths)[:, :clips]
