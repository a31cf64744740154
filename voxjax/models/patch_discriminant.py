"""Linear discriminant on a clip's responses to patches of frames, from scratch: nothing pretrained, no gradient steps.

The dictionaries of patches are learnt from the training clips without their labels (`models.patch_dictionary`). Roots
of the means and deviations over time of a clip's responses are its statistics, to which the discriminant of
`models.lda` is fitted. A single layer of learnt patches was as good as deep networks on small image corpora (Coates,
Lee and Ng 2011).
"""

import dataclasses
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from voxjax.audio import dsp
from voxjax.config_schema import in_range
from voxjax.models import discriminant_chunks, lda, patch_dictionary
from voxjax.models.closed_form import TrainingClips
from voxjax.models.discriminant_chunks import Rows
from voxjax.models.layers import DropoutRates
from voxjax.models.patch_dictionary import Dictionary, Window

_PATCHES = 20_000  # that a dictionary is learnt from, and at least this many times its words
_PATCHES_PER_WORD = 20
_TOGETHER = 16  # clips whose responses are in memory at once
_STATISTICS = 3  # of each word
_LEAST_DEVIATION = 1e-5
_LEAST_VARIANCE = 1e-6  # so that deviations have a finite gradient
_LEAST_ROOT = 1e-6  # added before a root, whose slope at 0 is infinite


@dataclasses.dataclass(frozen=True)
class Options(lda.Options):
    """How the discriminant is fitted, and the shape of the dictionaries, one for each window."""

    shrinkage: float = 0.3
    frames: tuple[int, ...] = (20, 20, 8)  # of each window
    steps: tuple[int, ...] = (1, 2, 1)  # from frame to frame in each window
    components: int = 120  # of whitened patches
    words: int = 800  # of each dictionary
    # Fraction by which the bands of a clip are moved down and up, as by longer and shorter vocal tracts; 0 for neither.
    band_shift: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("number of config.model.frames", len(self.frames), 1, 16)
        in_range(
            "number of config.model.steps, one for each window", len(self.steps), len(self.frames), len(self.frames)
        )
        for name in ("frames", "steps"):
            for value in getattr(self, name):
                in_range(f"config.model.{name}", value, 1, 1_000)
        in_range("config.model.components", self.components, 1, 10_000)
        in_range("config.model.words", self.words, 1, 100_000)
        in_range("config.model.band_shift", self.band_shift, 0.0, 0.5)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those of the dictionaries."""
        return tuple(Window(*each) for each in zip(self.frames, self.steps, strict=True))

    @property
    def band_factors(self) -> tuple[float, ...]:
        """Which band of a clip each band is, for the clip itself and its shifted versions."""
        return (1.0, 1.0 - self.band_shift, 1.0 + self.band_shift) if self.band_shift else (1.0,)


class PatchDiscriminant(nn.Module):
    """Logits from frames: `[B, T, C], [B, T] -> [B, K]`. A `ClosedFormModel`; `rates` are ignored."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        shapes = _shapes(self.options, x.shape[2], self.classes)
        if not self.is_initializing():
            del shapes["gram"]  # used by enrolment alone
        begin = {"scale": nn.initializers.ones}
        params = {
            name: self.param(name, begin.get(name, nn.initializers.zeros), shape) for name, shape in shapes.items()
        }
        return embedding(self.options, params, x, mask) @ params["kernel"] + params["bias"][None]

    def fit(self, clips: TrainingClips) -> dict[str, Float[Array, "..."]]:
        """Weights from standardised training clips, calibrated: logits are divided by their temperature."""
        params, rows = self._learnt(clips)
        return params | lda.fit_rows(self.options, rows)

    def try_values(
        self, clips: TrainingClips, kept: Bool[Array, " clips"], values: Mapping[str, Float[Array, " values"]]
    ) -> Float[Array, "values clips K"]:
        """As that of `LinearDiscriminant`; the dictionaries are learnt from all clips, without their labels."""
        _, rows = self._learnt(clips)
        return lda.try_rows(self.options, rows, kept, values)

    def _learnt(self, clips: TrainingClips) -> tuple[dict[str, Float[Array, "..."]], Rows]:
        """The dictionaries with the scale of the clips' statistics, and the standardised statistics."""
        params = self._dictionaries(clips)
        rows = _statistics_of_clips(self.options, params, clips, self.classes)
        if discriminant_chunks.few_clips(rows):  # all will be in memory: responses are computed once
            rows = discriminant_chunks.in_memory(rows)
        mean, scale = _mean_and_scale(rows)
        return params | {"mean": mean, "scale": scale}, rows._replace(
            read=lambda numbers, copy: (rows.read(numbers, copy) - mean[None]) / scale[None]
        )

    def _dictionaries(self, clips: TrainingClips) -> dict[str, Float[Array, "..."]]:
        o = self.options
        params: dict[str, Float[Array, ...]] = {}
        count = max(_PATCHES, _PATCHES_PER_WORD * o.words)
        for i, window in enumerate(o.windows):
            sample_key, learn_key = jax.random.split(jax.random.fold_in(clips.key, i))
            sample = patch_dictionary.sample(
                lambda numbers: clips.read(numbers, 0), clips.labels.size, count, window, sample_key
            )
            found = patch_dictionary.learn(sample, window, o.components, o.words, learn_key)
            params |= {f"{name}_{i}": value for name, value in found._asdict().items()}
        return params


def embedding(
    options: Options, params: Mapping[str, Float[Array, "..."]], x: Float[Array, "B T C"], mask: Bool[Array, "B T"]
) -> Float[Array, "B S"]:
    """Standardised statistics, of which the discriminant makes the logits: means over a clip's shifted versions."""
    found = [_statistics(options, params, shifted_bands(x, factor), mask) for factor in options.band_factors]
    return (sum(found[1:], found[0]) / len(found) - params["mean"][None]) / params["scale"][None]


def shifted_bands(x: Float[Array, "B T C"], factor: float) -> Float[Array, "B T C"]:
    """Bands moved by a factor of their number, between bands interpolated: vocal tract length perturbation.

    Jaitly and Hinton (2013) warp the filters; on log-mels, whose bands lie as the ear's, one factor is enough.
    """
    if factor == 1.0:
        return x
    channels = x.shape[-1]
    bands = x.reshape(-1, channels).T
    moved = dsp.interpolate(bands, jnp.arange(channels, dtype=x.dtype) * factor, jnp.float32(channels - 1))
    return moved.T.reshape(x.shape)


def _statistics(
    options: Options, params: Mapping[str, Float[Array, "..."]], x: Float[Array, "B T C"], mask: Bool[Array, "B T"]
) -> Float[Array, "B S"]:
    """Roots of the mean and deviation of the responses to each word, and of the mean of those to its opposite.

    A few words respond to most frames and most words to a few; roots bring both to one scale (Perronnin et al. 2010).
    """
    found = []
    for i, window in enumerate(options.windows):
        dictionary = Dictionary(*(params[f"{name}_{i}"] for name in Dictionary._fields))
        similarity = patch_dictionary.responses(dictionary, x, window)
        weights = jnp.asarray(patch_dictionary.positions(mask, window), x.dtype)
        found.append(_pooled(similarity, dictionary.threshold, weights))
    return jnp.sqrt(jnp.concatenate(found, axis=1) + _LEAST_ROOT)


def _pooled(
    similarity: Float[Array, "B P words"], threshold: Float[Array, ""], weights: Float[Array, "B P"]
) -> Float[Array, "B S"]:
    """Mean and deviation over positions of what is above the threshold, and the mean of the opposite."""

    def of_clip(clip: tuple[Float[Array, "P words"], Float[Array, " P"]]) -> Float[Array, " S"]:
        weight = clip[1] / jnp.maximum(jnp.sum(clip[1]), 1.0)
        response = jnp.where(weight[:, None] > 0.0, clip[0], 0.0)
        above = jax.nn.relu(response - threshold)
        mean = weight @ above
        variance = weight @ jnp.square(above) - jnp.square(mean)
        return jnp.concatenate(
            [mean, jnp.sqrt(jnp.maximum(variance, _LEAST_VARIANCE)), weight @ jax.nn.relu(-response)]
        )

    # One clip after the other: its responses stay in a core's cache, which is four times as fast as sums over all.
    return jax.lax.map(of_clip, (similarity, weights))


def _statistics_of_clips(
    options: Options, params: Mapping[str, Float[Array, "..."]], clips: TrainingClips, classes: int
) -> Rows:
    """Statistics of training clips, a few at a time; shifted versions are further copies."""
    factors = options.band_factors

    def read(numbers: Int[Array, " B"], copy: int) -> Float[Array, "B S"]:
        def of_clip(number: Int[Array, ""]) -> Float[Array, " S"]:
            x, mask = clips.read(number[None], copy // len(factors))
            return _statistics(options, params, shifted_bands(x, factors[copy % len(factors)]), mask)[0]

        return jax.lax.map(of_clip, numbers, batch_size=_TOGETHER)

    return Rows(read, jnp.asarray(clips.labels), classes, clips.copies * len(factors))


def _mean_and_scale(rows: Rows) -> tuple[Float[Array, " S"], Float[Array, " S"]]:
    """Mean and standard deviation over the clips; the scale of a number that does not vary is 1."""
    clips = rows.labels.size
    shift = jnp.mean(rows.read(jnp.arange(min(_TOGETHER, clips)), 0), axis=0)  # near the mean: squares stay small

    def add(
        sums: tuple[Float[Array, " S"], Float[Array, " S"]], first: Int[Array, ""]
    ) -> tuple[tuple[Float[Array, " S"], Float[Array, " S"]], None]:
        numbers = first + jnp.arange(_TOGETHER)
        x = rows.read(jnp.minimum(numbers, clips - 1), 0) - shift[None]
        x = jnp.where((numbers < clips)[:, None], x, 0.0)
        return (sums[0] + jnp.sum(x, axis=0), sums[1] + jnp.sum(jnp.square(x), axis=0)), None

    start = (jnp.zeros_like(shift), jnp.zeros_like(shift))
    (total, squares), _ = jax.lax.scan(add, start, jnp.arange(0, clips, _TOGETHER))
    deviation = jnp.sqrt(jnp.maximum(squares / clips - jnp.square(total / clips), 0.0))
    return shift + total / clips, jnp.where(deviation > _LEAST_DEVIATION, deviation, 1.0)


def _shapes(options: Options, channels: int, classes: int) -> dict[str, tuple[int, ...]]:
    """The shape of each array of weights, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, window in enumerate(options.windows):
        components = min(options.components, window.frames * channels)
        own = ((window.frames, channels, components), (components,), (components, options.words), ())
        shapes |= {f"{name}_{i}": shape for name, shape in zip(Dictionary._fields, own, strict=True)}
    size = _STATISTICS * options.words * len(options.windows)
    return shapes | {
        "mean": (size,),
        "scale": (size,),
        "kernel": (size, classes),
        "bias": (classes,),
        "gram": (classes, classes),
    }
