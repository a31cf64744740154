"""A dictionary of spectro-temporal patches, learnt from frames without labels, and the responses of clips to it.

A patch is some frames of all channels. Patches are set to one mean and contrast, whitened by principal components, and
grouped by spherical k-means; each group's direction is a word of the dictionary (Coates, Lee and Ng 2011; Coates and
Ng 2012). A clip's response to a word is its similarity above a threshold, at each position.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

ROUNDS = 12  # of k-means
_OVERSAMPLING, _POWER_ITERATIONS = (
    30,
    4,
)  # directions beyond those that are kept, and power iterations (Halko et al. 2011)
_CONTRAST_FLOOR = 0.01  # variance added to that of a patch, whose channels have variance 1 on average
_EIGENVALUE_FLOOR = 0.01  # variance added to that of a component, relative to the largest
_LEAST_VARIANCE = 1e-6  # of a direction, relative to the largest
_THRESHOLD = 0.25  # of the mean absolute similarity


class Window(NamedTuple):
    """The frames of a patch."""

    frames: int
    step: int  # from one frame of the patch to the next

    @property
    def span(self) -> int:
        """Frames from the first to the last."""
        return (self.frames - 1) * self.step + 1


class Dictionary(NamedTuple):
    """Words for patches of one window."""

    projection: Float[Array, "frames C components"]  # of patches with a mean of 0 and a contrast of 1
    offset: Float[Array, " components"]
    words: Float[Array, "components words"]
    threshold: Float[Array, ""]


def patches(
    x: Float[Array, "B T C"], starts: Int[Array, "B n"], window: Window
) -> Float[Array, "B n {window.frames} C"]:
    """The patches that begin at these frames; beyond the last frame they hold zeros."""
    x = jnp.pad(x, ((0, 0), (0, window.span), (0, 0)))
    places = starts[:, :, None] + (jnp.arange(window.frames) * window.step)[None, None]
    return jax.vmap(lambda clip, place: clip[place])(x, places)


def positions(mask: Bool[Array, "B T"], window: Window) -> Bool[Array, "B P"]:
    """Where a patch lies in a clip as a whole; a clip that is shorter has one position, its first frame."""
    lengths = jnp.sum(mask, axis=1)
    count = max(mask.shape[1] - window.span + 1, 1)
    return jnp.arange(count)[None] < jnp.maximum(lengths - window.span + 1, 1)[:, None]


def sample(
    read: Callable[[Int[Array, " B"]], tuple[Float[Array, "B T C"], Bool[Array, "B T"]]],
    clips: int,
    count: int,
    window: Window,
    key: Key[Array, ""],
) -> Float[Array, "n size"]:
    """At least `count` patches, equally many of each clip, as rows of one mean and contrast.

    Args:
        read: features and mask of clips, by their numbers.
        clips: how many there are.
        count: of patches.
        window: of a patch.
        key: of the positions.
    """

    def of_clip(number: Int[Array, ""]) -> Float[Array, "each frames C"]:
        x, mask = read(number[None])
        last = jnp.sum(positions(mask, window), axis=1).astype(jnp.float32)
        starts = jnp.floor(jax.random.uniform(jax.random.fold_in(key, number), (1, each)) * last[:, None]).astype(
            jnp.int32
        )
        return patches(x, starts, window)[0]

    each = -(-count // clips)
    found = jax.lax.map(of_clip, jnp.arange(clips))
    rows = found.reshape(clips * each, -1)
    rows = rows - jnp.mean(rows, axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.var(rows, axis=1, keepdims=True) + _CONTRAST_FLOOR)


def learn(rows: Float[Array, "n size"], window: Window, components: int, words: int, key: Key[Array, ""]) -> Dictionary:
    """The dictionary of patches, as `sample` gives them.

    Args:
        rows: patches of one mean and contrast, at least as many as `words`.
        window: their frames.
        components: of the whitened patches; fewer where a patch has fewer numbers.
        words: of the dictionary.
        key: of the first words and of the directions that the search for components starts from.
    """
    mean = jnp.mean(rows, axis=0)
    direction_key, word_key = jax.random.split(key)
    variance, directions = _principal(rows - mean[None], components, direction_key)
    projection = directions / jnp.sqrt(variance + _EIGENVALUE_FLOOR * jnp.max(variance))[None]
    white = (rows - mean[None]) @ projection
    found = _spherical_k_means(white, words, word_key)
    threshold = _THRESHOLD * jnp.mean(jnp.abs(white @ found))
    return Dictionary(projection.reshape(window.frames, -1, projection.shape[1]), mean @ projection, found, threshold)


def responses(dictionary: Dictionary, x: Float[Array, "B T C"], window: Window) -> Float[Array, "B P words"]:
    """Similarity of the patch at each position to each word, negative for the opposite."""
    x = jnp.pad(x, ((0, 0), (0, max(window.span - x.shape[1], 0)), (0, 0)))
    size = window.frames * x.shape[2]
    mean = _window_sums(jnp.sum(x, axis=2), window) / size  # [B, P]
    variance = _window_sums(jnp.sum(jnp.square(x), axis=2), window) / size - jnp.square(mean)
    contrast = jnp.sqrt(jnp.maximum(variance, 0.0) + _CONTRAST_FLOOR)
    projected = _convolve(x, dictionary.projection, window)
    centred = projected - mean[..., None] * jnp.sum(dictionary.projection, axis=(0, 1))[None, None]
    return (centred / contrast[..., None] - dictionary.offset[None, None]) @ dictionary.words


def _convolve(x: Float[Array, "B T C"], kernel: Float[Array, "frames C D"], window: Window) -> Float[Array, "B P D"]:
    names = ("NWC", "WIO", "NWC")
    return jax.lax.conv_general_dilated(x, kernel, (1,), "VALID", rhs_dilation=(window.step,), dimension_numbers=names)


def _window_sums(x: Float[Array, "B T"], window: Window) -> Float[Array, "B P"]:
    """Sums over the frames of a patch at each position."""
    return _convolve(x[..., None], jnp.ones((window.frames, 1, 1)), window)[..., 0]


def _principal(
    rows: Float[Array, "n size"], components: int, key: Key[Array, ""]
) -> tuple[Float[Array, " components"], Float[Array, "size components"]]:
    """Variances and directions of the largest principal components, by power iterations on random directions."""
    size = rows.shape[1]
    width = min(components + _OVERSAMPLING, size)
    basis = jax.lax.fori_loop(
        0,
        _POWER_ITERATIONS,
        lambda _, found: _orthonormal(rows.T @ (rows @ found)),
        _orthonormal(jax.random.normal(key, (size, width))),
    )
    inside = rows @ basis
    variance, directions = jnp.linalg.eigh(inside.T @ inside / rows.shape[0])
    kept = min(components, size)
    return jnp.maximum(variance[-kept:], 0.0), (basis @ directions)[:, -kept:]


def _orthonormal(x: Float[Array, "size width"]) -> Float[Array, "size width"]:
    """An orthonormal basis of the columns, as by QR, which takes XLA ten times as long; twice, as rounding needs."""
    for _ in range(2):
        variance, directions = jnp.linalg.eigh(x.T @ x)
        x = x @ (directions / jnp.sqrt(jnp.maximum(variance, _LEAST_VARIANCE * variance[-1:]))[None])
    return x


def _spherical_k_means(
    rows: Float[Array, "n components"], words: int, key: Key[Array, ""]
) -> Float[Array, "components words"]:
    """Unit directions of groups of rows (Dhillon and Modha 2001), each row weighted by its length along its word."""

    def unit(x: Float[Array, "words components"], fallback: Float[Array, "words components"]) -> Float[Array, "..."]:
        length = jnp.linalg.norm(x, axis=1, keepdims=True)
        return jnp.where(length > 1e-6, x / jnp.maximum(length, 1e-6), fallback)

    def update(_: Int[Array, ""], found: Float[Array, "words components"]) -> Float[Array, "words components"]:
        similarity = rows @ found.T
        chosen = jnp.argmax(similarity, axis=1)
        weight = jnp.max(similarity, axis=1)
        return unit(jax.ops.segment_sum(rows * weight[:, None], chosen, words), found)

    first = rows[jax.random.permutation(key, rows.shape[0])[:words]]
    return jax.lax.fori_loop(0, ROUNDS, update, unit(first, jnp.ones_like(first))).T
