"""A linear discriminant fitted to clips that are read in chunks, with a temperature from held-out clips.

With more clips than statistics only sums over clips are kept, `[S, S]` for each quarter of the clips; with fewer, the
clips' own statistics.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.models import discriminant_fit
from voxjax.models.discriminant_fit import Moments, Strengths

PARTS = 4  # of the clips, each held out once to choose the temperature
CHUNK = 256  # clips that are read at once
_ROUNDING = 1e-6  # of a clip's log-likelihood
_TEMPERATURES = np.exp2(np.arange(41) / 4.0).astype(np.float32)


class Rows(NamedTuple):
    """The statistics of training clips."""

    read: Callable[[Int[Array, " B"], int], Float[Array, "B S"]]  # of clips, by their numbers from 0, and of a copy
    labels: Int[Array, " clips"]
    classes: int
    copies: int  # of each clip, itself included


class Discriminant(NamedTuple):
    """Calibrated weights: the class probabilities are `softmax(x @ kernel + bias)`."""

    kernel: Float[Array, "S K"]
    bias: Float[Array, " K"]
    gram: Float[Array, "K K"]  # products of the class means and the kernel


def fit(rows: Rows, shrinkage: float, nuisance: float, even_priors: bool) -> Discriminant:
    """The discriminant of all rows.

    Its temperature comes from fits to three quarters of the clips, which are tested on the fourth: with many statistics
    a Gaussian model is overconfident. A quarter holds consecutive clips of each class; as a speaker's clips are
    consecutive in a corpus, its speakers are mostly held out too. The power of 2 ** 0.25 with the highest likelihood is
    chosen.

    Args:
        rows: the clips.
        shrinkage: in (0, 1].
        nuisance: weight of the copies' covariance around their clips; with 0 copies are further clips.
        even_priors: whether all classes are as probable, however many clips they have.
    """
    clips = rows.labels.size
    solve = _from_products if few_clips(rows) else _from_moments
    found = solve(rows, Strengths(shrinkage, nuisance), nuisance > 0.0, even_priors)
    equal = _ROUNDING * clips * rows.copies  # of separable classes all temperatures are as good: the lowest is taken
    best = jnp.argmax(found.log_likelihood >= jnp.max(found.log_likelihood) - equal)
    scale = jnp.asarray(_TEMPERATURES)[best]
    return Discriminant(found.kernel / scale, found.bias / scale, found.gram / scale)


def few_clips(rows: Rows) -> bool:
    """Whether there are fewer clips and copies than statistics."""
    statistics = jax.eval_shape(lambda: rows.read(jnp.zeros(1, jnp.int32), 0)).shape[1]
    return rows.labels.size * rows.copies < statistics


def in_memory(rows: Rows) -> Rows:
    """The same statistics, computed once; they must fit into memory."""
    values = jnp.stack([_all(rows, copy) for copy in range(rows.copies)])
    return rows._replace(read=lambda numbers, copy: values[copy][numbers])


class _Fitted(NamedTuple):
    kernel: Float[Array, "S K"]
    bias: Float[Array, " K"]
    gram: Float[Array, "K K"]
    log_likelihood: Float[Array, " temperatures"]  # of held-out clips and copies


class EveryRow(NamedTuple):
    """All clips, then their copies or the differences that these make; N is their number."""

    values: Float[Array, "N S"]
    of_class: Float[Array, "copies clips K"]  # one-hot; 0 for differences
    is_difference: Float[Array, "copies clips"]

    def kept(self, clips: Float[Array, " clips"]) -> tuple[Float[Array, "N K"], Float[Array, " N"]]:
        """Classes and differences of the clips that are 1, and 0 for the rest."""
        of_class = self.of_class * clips[None, :, None]
        return of_class.reshape(-1, of_class.shape[-1]), (self.is_difference * clips[None]).reshape(-1)


def every_row(rows: Rows, differences: bool) -> EveryRow:
    """All rows in memory; with `differences` copies are what they change."""
    read = [_all(rows, copy) for copy in range(rows.copies)]
    values = jnp.concatenate([x - read[0] if differences and copy else x for copy, x in enumerate(read)])
    of_class = jax.nn.one_hot(rows.labels, rows.classes)[None] * jnp.ones((rows.copies, 1, 1))
    is_difference = jnp.zeros((rows.copies, rows.labels.size))
    if differences:
        of_class, is_difference = of_class.at[1:].set(0.0), is_difference.at[1:].set(1.0)
    return EveryRow(values, of_class, is_difference)


def _from_products(rows: Rows, strengths: Strengths, differences: bool, even_priors: bool) -> _Fitted:
    """From the products of all rows, `[N, N]`."""
    all_rows = every_row(rows, differences)
    products = all_rows.values @ all_rows.values.T
    clips, copies = rows.labels.size, rows.copies

    def solved(kept: Float[Array, " clips"]) -> tuple[discriminant_fit.Solution, Float[Array, " K"]]:
        of_class, spread = all_rows.kept(kept)
        found = discriminant_fit.solve_products(products, of_class, spread, strengths)
        return found, found.bias + discriminant_fit.log_priors(jnp.sum(of_class, axis=0), even_priors)

    quarter = quarters(jax.nn.one_hot(rows.labels, rows.classes))

    def held_out(part: Int[Array, ""]) -> Float[Array, " temperatures"]:
        outside = quarter != part
        found, bias = solved(outside.astype(products.dtype))
        logits = (products @ found.weights).reshape(copies, clips, -1)
        if differences:
            logits = logits.at[1:].add(logits[:1])
        return sum(
            (log_likelihoods(logits[copy] + bias[None], rows.labels, ~outside) for copy in range(copies)),
            jnp.zeros(len(_TEMPERATURES)),
        )

    log_likelihood = jnp.sum(jax.lax.map(held_out, jnp.arange(PARTS)), axis=0)
    found, bias = solved(jnp.ones(clips))
    return _Fitted(all_rows.values.T @ found.weights, bias, found.gram, log_likelihood)


def _from_moments(rows: Rows, strengths: Strengths, differences: bool, even_priors: bool) -> _Fitted:
    """From sums over the clips of each quarter, `[S, S]`."""
    numbers, valid = _by_part(rows)
    weight = strengths.nuisance / max(rows.copies - 1, 1)  # of a difference, where a clip has weight 1
    moments = jax.lax.map(lambda part: sums_of(rows, part[0], part[1], weight, differences), (numbers, valid))
    together = jax.tree.map(lambda x: jnp.sum(x, axis=0), moments)

    def solved(sums: Moments) -> tuple[Float[Array, "S K"], Float[Array, " K"], Float[Array, "K K"]]:
        kernel, gram = discriminant_fit.solve_moments(sums, strengths.shrinkage)
        priors = discriminant_fit.log_priors(sums.clips, even_priors)
        return kernel, priors - 0.5 * jnp.diagonal(gram), gram

    def held_out(part: Int[Array, ""]) -> Float[Array, " temperatures"]:
        kernel, bias, _ = solved(jax.tree.map(lambda all_parts, sums: all_parts - sums[part], together, moments))

        def chunk(
            total: Float[Array, " temperatures"], each: tuple[Int[Array, " chunk"], Bool[Array, " chunk"]]
        ) -> tuple[Float[Array, " temperatures"], None]:
            for copy in range(rows.copies):
                logits = rows.read(each[0], copy) @ kernel + bias[None]
                total = total + log_likelihoods(logits, rows.labels[each[0]], each[1])
            return total, None

        return jax.lax.scan(chunk, jnp.zeros(len(_TEMPERATURES)), (numbers[part], valid[part]))[0]

    log_likelihood = jnp.sum(jax.lax.map(held_out, jnp.arange(PARTS)), axis=0)
    return _Fitted(*solved(together), log_likelihood)


def sums_of(
    rows: Rows,
    numbers: Int[Array, "chunks chunk"],
    valid: Bool[Array, "chunks chunk"],
    weight: Float[Array, ""] | float,
    differences: bool,
) -> Moments:
    """Sums over the valid clips of one part; with `differences` those of copies count by `weight`."""

    def chunk(sums: Moments, each: tuple[Int[Array, " chunk"], Bool[Array, " chunk"]]) -> tuple[Moments, None]:
        chosen, kept = each[0], each[1].astype(jnp.float32)
        of_class = jax.nn.one_hot(rows.labels[chosen], rows.classes) * kept[:, None]
        clean = rows.read(chosen, 0) * kept[:, None]
        for copy in range(rows.copies):
            x = rows.read(chosen, copy) * kept[:, None] if copy else clean
            if copy and differences:
                x = x - clean
                sums = sums._replace(second=sums.second + weight * (x.T @ x))
            else:
                count, total = sums.clips + jnp.sum(of_class, axis=0), sums.total + of_class.T @ x
                sums = Moments(count, total, sums.second + x.T @ x)
        return sums, None

    size = jax.eval_shape(lambda: rows.read(numbers[0], 0)).shape[1]
    start = Moments(*(jnp.zeros(shape) for shape in ((rows.classes,), (rows.classes, size), (size, size))))
    return jax.lax.scan(chunk, start, (numbers, valid))[0]


def _all(rows: Rows, copy: int) -> Float[Array, "clips S"]:
    """One copy of all clips."""
    clips = rows.labels.size
    chunk = min(CHUNK, clips)
    numbers = jnp.minimum(jnp.arange(-(-clips // chunk) * chunk), clips - 1).reshape(-1, chunk)
    read = jax.lax.map(lambda chosen: rows.read(chosen, copy), numbers)
    return read.reshape(numbers.size, -1)[:clips]


def _by_part(rows: Rows) -> tuple[Int[Array, "parts chunks chunk"], Bool[Array, "parts chunks chunk"]]:
    """The clips of each part in chunks, and which are valid: the last chunks are filled up with any clips."""
    clips = rows.labels.size
    most = clips // PARTS + rows.classes  # of a part, as each class is rounded up once
    chunk = min(CHUNK, most)
    width = -(-most // chunk) * chunk
    part = quarters(jax.nn.one_hot(rows.labels, rows.classes))
    order, sizes = jnp.argsort(part), jnp.sum(part[None, :] == jnp.arange(PARTS)[:, None], axis=1)
    place = (jnp.cumsum(sizes) - sizes)[:, None] + jnp.arange(width)[None, :]
    numbers, valid = order[jnp.minimum(place, clips - 1)], jnp.arange(width)[None, :] < sizes[:, None]
    return numbers.reshape(PARTS, -1, chunk), valid.reshape(PARTS, -1, chunk)


def quarters(of_class: Float[Array, "clips K"]) -> Int[Array, " clips"]:
    """The quarter of each clip, from 0: consecutive clips of each class."""
    rank = jnp.sum((jnp.cumsum(of_class, axis=0) - 1.0) * of_class, axis=1)  # from 0, within its class
    size = jnp.sum(of_class * jnp.sum(of_class, axis=0)[None], axis=1)
    return jnp.floor(rank * PARTS / size).astype(jnp.int32)


def log_likelihoods(
    logits: Float[Array, "clips K"], labels: Int[Array, " clips"], kept: Bool[Array, " clips"]
) -> Float[Array, " temperatures"]:
    """The log-likelihood of the labels of the kept clips at each temperature."""

    def at(temperature: Float[Array, ""]) -> Float[Array, ""]:
        log_p = jnp.take_along_axis(jax.nn.log_softmax(logits / temperature), labels[:, None], axis=1)[:, 0]
        return jnp.sum(jnp.where(kept, log_p, 0.0))

    return jax.lax.map(at, jnp.asarray(_TEMPERATURES))
