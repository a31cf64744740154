"""Linear discriminant on a clip's responses to patches of frames, from scratch: nothing pretrained, no gradient steps.

The dictionaries of patches are learnt from the training clips without their labels (`models.patch_dictionary`); means
and deviations over time of a clip's responses are its statistics, to which the discriminant of `models.lda` is fitted.
Such a single layer of learnt patches was as good as deep networks on small image corpora (Coates, Lee and Ng 2011).
"""

import dataclasses
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from voxjax.audio.pooling import mean_and_deviation
from voxjax.config_schema import in_range
from voxjax.models import discriminant_chunks, lda, patch_dictionary
from voxjax.models.closed_form import TrainingClips
from voxjax.models.layers import DropoutRates
from voxjax.models.patch_dictionary import Dictionary, Window

_PATCHES = 20_000  # that a dictionary is learnt from, and at least this many times its words
_PATCHES_PER_WORD = 20
_TOGETHER = 16  # clips whose responses are in memory at once
_STATISTICS = 3  # of each word
_LEAST_DEVIATION = 1e-5


@dataclasses.dataclass(frozen=True)
class Options(lda.Options):
    """How the discriminant is fitted, and the shape of the dictionaries, one for each window."""

    shrinkage: float = 0.3
    frames: tuple[int, ...] = (20, 20, 8)  # of each window
    steps: tuple[int, ...] = (1, 2, 1)  # from frame to frame in each window
    components: int = 120  # of whitened patches
    words: int = 800  # of each dictionary

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

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those of the dictionaries."""
        return tuple(Window(*each) for each in zip(self.frames, self.steps, strict=True))


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
        params = self._learnt(clips)
        return params | lda.fit_rows(self.options, self._rows(clips, params))

    def try_values(
        self, clips: TrainingClips, kept: Bool[Array, " clips"], values: Mapping[str, Float[Array, " values"]]
    ) -> Float[Array, "values clips K"]:
        """As that of `LinearDiscriminant`; the dictionaries are learnt from all clips, without their labels."""
        return lda.try_rows(self.options, self._rows(clips, self._learnt(clips)), kept, values)

    def _learnt(self, clips: TrainingClips) -> dict[str, Float[Array, "..."]]:
        """The dictionaries, and the mean and deviation of the clips' statistics."""
        o = self.options
        params: dict[str, Float[Array, ...]] = {}
        count = max(_PATCHES, _PATCHES_PER_WORD * o.words)
        for i, window in enumerate(o.windows):
            sample_key, learn_key = jax.random.split(jax.random.fold_in(clips.key, i))
            rows = patch_dictionary.sample(
                lambda numbers: clips.read(numbers, 0), clips.labels.size, count, window, sample_key
            )
            found = patch_dictionary.learn(rows, window, o.components, o.words, learn_key)
            params |= {f"{name}_{i}": value for name, value in found._asdict().items()}
        mean, scale = _mean_and_scale(lambda numbers: _read(o, params, clips, numbers, 0), clips.labels.size)
        return params | {"mean": mean, "scale": scale}

    def _rows(self, clips: TrainingClips, params: Mapping[str, Float[Array, "..."]]) -> discriminant_chunks.Rows:
        """The standardised statistics of the clips, read as the clips are."""
        return discriminant_chunks.Rows(
            lambda numbers, copy: _standardised(params, _read(self.options, params, clips, numbers, copy)),
            jnp.asarray(clips.labels),
            self.classes,
            clips.copies,
        )


def embedding(
    options: Options, params: Mapping[str, Float[Array, "..."]], x: Float[Array, "B T C"], mask: Bool[Array, "B T"]
) -> Float[Array, "B S"]:
    """Standardised statistics of clips, of which the discriminant makes the logits."""
    return _standardised(params, _statistics(options, params, x, mask))


def _standardised(params: Mapping[str, Float[Array, "..."]], x: Float[Array, "B S"]) -> Float[Array, "B S"]:
    return (x - params["mean"][None]) / params["scale"][None]


def _statistics(
    options: Options, params: Mapping[str, Float[Array, "..."]], x: Float[Array, "B T C"], mask: Bool[Array, "B T"]
) -> Float[Array, "B S"]:
    """Mean and deviation of the responses to each word, and the mean of those to its opposite."""
    found = []
    for i, window in enumerate(options.windows):
        dictionary = Dictionary(*(params[f"{name}_{i}"] for name in Dictionary._fields))
        similarity = patch_dictionary.responses(dictionary, x, window)
        weights = jnp.asarray(patch_dictionary.positions(mask, window), x.dtype)
        found.append(mean_and_deviation(jax.nn.relu(similarity - dictionary.threshold), weights))
        opposite = mean_and_deviation(jax.nn.relu(-similarity), weights)
        found.append(opposite[:, : options.words])
    return jnp.concatenate(found, axis=1)


def _read(
    options: Options,
    params: Mapping[str, Float[Array, "..."]],
    clips: TrainingClips,
    numbers: Int[Array, " B"],
    copy: int,
) -> Float[Array, "B S"]:
    """Statistics of training clips, a few at a time."""

    def of_clip(number: Int[Array, ""]) -> Float[Array, " S"]:
        return _statistics(options, params, *clips.read(number[None], copy))[0]

    return jax.lax.map(of_clip, numbers, batch_size=_TOGETHER)


def _mean_and_scale(
    read: Callable[[Int[Array, " B"]], Float[Array, "B S"]], clips: int
) -> tuple[Float[Array, " S"], Float[Array, " S"]]:
    """Mean and standard deviation over the clips; the scale of a number that does not vary is 1."""
    shift = jnp.mean(read(jnp.arange(min(_TOGETHER, clips))), axis=0)  # near the mean, so that squares stay small

    def add(
        sums: tuple[Float[Array, " S"], Float[Array, " S"]], number: Int[Array, ""]
    ) -> tuple[tuple[Float[Array, " S"], Float[Array, " S"]], None]:
        x = read(number + jnp.arange(_TOGETHER)) - shift[None]
        x = jnp.where((number + jnp.arange(_TOGETHER) < clips)[:, None], x, 0.0)
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
