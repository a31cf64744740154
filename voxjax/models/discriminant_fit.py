"""The equations of linear discriminant analysis, solved among the clips or among their statistics.

The covariance is `(1 - shrinkage) * (within-class scatter + nuisance * scatter of the differences) + shrinkage *
identity`. Differences are those between augmented copies and their clips: directions in which noise, a room or another
voice moves a clip. As directions of large covariance they count less (Hatch, Kajarekar and Stolcke 2006; nuisance
attribute projection, Solomonoff et al. 2005).

With fewer clips than statistics all sums lie in the clips' span, so that their products suffice (Woodbury's identity).
The products do not depend on shrinkage and nuisance: many values are tried at the cost of one.

Letters: N rows (clips, and differences or further copies), K classes, S statistics.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Number = Float[Array, ""] | float


class Strengths(NamedTuple):
    """The two numbers of a fit."""

    shrinkage: Number  # weight of the identity matrix, in (0, 1]
    nuisance: Number = 0.0  # weight of the differences' scatter, relative to the within-class scatter


class Solution(NamedTuple):
    """A discriminant as weights of rows: the kernel is `rows.T @ weights`."""

    weights: Float[Array, "N K"]
    bias: Float[Array, " K"]  # of even priors: without the logarithms of class frequencies
    gram: Float[Array, "K K"]  # products of the class means under the inverse covariance


class Moments(NamedTuple):
    """Sums over the clips of one part, which add up over parts."""

    clips: Float[Array, "*parts K"]  # of each class
    total: Float[Array, "*parts K S"]  # their sum
    second: Float[Array, "*parts S S"]  # products of clips, and of differences by their weight


def solve_products(
    products: Float[Array, "N N"],
    of_class: Float[Array, "N K"],
    is_difference: Float[Array, " N"],
    strengths: Strengths,
) -> Solution:
    """The discriminant from the products of all rows.

    Args:
        products: of each row with each other.
        of_class: one-hot classes of clips; all 0 for a row that is left out or a difference. A class without clips has
            the mean of all clips.
        is_difference: 1 for differences that take part, else 0.
        strengths: shrinkage and nuisance.
    """
    count, averages = class_averages(of_class)  # [K, N]
    scale = jnp.sqrt((1.0 - strengths.shrinkage) / jnp.sum(count))
    spread = jnp.sqrt((1.0 - strengths.shrinkage) * strengths.nuisance / jnp.maximum(jnp.sum(is_difference), 1.0))
    # Deviations of rows are `diag(each) - member @ averages`, applied to the rows.
    each, member = scale * jnp.sum(of_class, axis=1) + spread * is_difference, scale * of_class
    of_means = products @ averages.T  # [N, K]
    outer = (each[:, None] * of_means) @ member.T
    inner = each[:, None] * products * each[None, :] - outer - outer.T + member @ (averages @ of_means) @ member.T
    deviations = each[:, None] * of_means - member @ (averages @ of_means)  # products with the class means, [N, K]
    matrix = inner + strengths.shrinkage * jnp.eye(len(products), dtype=products.dtype)
    solved = solve_positive(matrix, deviations)
    weights = averages.T - (each[:, None] * solved - averages.T @ (member.T @ solved))
    weights = weights / strengths.shrinkage
    gram = of_means.T @ weights
    return Solution(weights, -0.5 * jnp.diagonal(gram), gram)


def solve_moments(moments: Moments, shrinkage: Number) -> tuple[Float[Array, "S K"], Float[Array, "K K"]]:
    """The kernel and the products of the class means, from sums over clips."""
    count = moments.clips
    total = jnp.sum(count)
    overall = jnp.sum(moments.total, axis=0) / total
    means = jnp.where(count[:, None] > 0, moments.total / jnp.maximum(count, 1.0)[:, None], overall[None])
    scatter = moments.second - (means * count[:, None]).T @ means
    identity = jnp.eye(scatter.shape[0], dtype=scatter.dtype)
    kernel = solve_positive((1.0 - shrinkage) / total * scatter + shrinkage * identity, means.T)
    return kernel, means @ kernel


def class_averages(of_class: Float[Array, "N K"]) -> tuple[Float[Array, " K"], Float[Array, "K N"]]:
    """The number of clips of each class, and the weights that average them; of all clips for a class without any."""
    count = jnp.sum(of_class, axis=0)
    everything = jnp.sum(of_class, axis=1) / jnp.sum(count)
    return count, jnp.where(count[:, None] > 0, of_class.T / jnp.maximum(count, 1.0)[:, None], everything[None])


def log_priors(count: Float[Array, " K"], even: bool) -> Float[Array, " K"]:
    """Logarithms of the class frequencies, half a clip for a class without any; equal ones if `even`."""
    if even:
        return jnp.full_like(count, -jnp.log(float(count.size)))
    return jnp.log(jnp.maximum(count, 0.5) / jnp.sum(count))


def solve_positive(matrix: Float[Array, "N N"], b: Float[Array, "N K"]) -> Float[Array, "N K"]:
    """`matrix^-1 b`, for a positive definite matrix."""
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(matrix, lower=True), b)
