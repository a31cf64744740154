"""Pretrained encoders of speech, as pure functions of weights and samples. A new one is a file and a row here.

Array functions are annotated with jaxtyping, as in `voxjax.audio`, whose names of sizes hold here too. Further ones:

- `D`, `H`: channels of an encoder's blocks, heads of attention.
- `N`: chosen blocks.
- `P`, `patches`: patches of 96 frames of one clip, and of all clips together.
- `tokens`: of a text.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float16, Int

from voxjax.audio import levels, pooling
from voxjax.config import EncoderFeatures, one_of
from voxjax.encoders import mel_patches, vggish, vggish_input, wav2vec2, wav2vec2_config, whisper, yamnet, yamnet_input
from voxjax.encoders.tensors import Params, Tensors
from voxjax.errors import UsageError, mismatch

# From blocks, weights, samples and lengths to outputs and their mask.
Apply = Callable[[Sequence[int], Params, Array | np.ndarray, Array | np.ndarray], tuple[Array, Array]]


class Encoder(NamedTuple):
    """One encoder: how it is loaded and run, its source and its licence."""

    params: Callable[[Tensors, Sequence[int]], Params]  # from tensors to the weights of chosen blocks
    apply: Apply  # to [B, T, N, D] and its mask
    hop_ms: float  # distance of two positions
    rate_hz: int  # of its input
    file: str  # its weights' usual name, without suffix
    note: str  # source and licence
    tunable: str = ""  # a name in `TUNABLE`; empty where its blocks can't be trained further
    # As `apply`, for the hidden units of feed-forward layers; None where they are not available.
    hidden: Apply | None = None
    texts: tuple[str, ...] = ()  # names of texts among its weights


class Tunable(NamedTuple):
    """Blocks that can be trained further, each by itself."""

    weights: Callable[[Params, int], Params]  # of one block, counted from 1, among an encoder's `params`
    apply: Callable[[Params, Array, Array], Array]  # these, [B, T, D] and bool [B, T] to [B, T, D]


TUNABLE = {
    "whisper": Tunable(whisper.block_weights, whisper.block),
    "wav2vec2": Tunable(wav2vec2.block_weights, wav2vec2.block),
}

_LEAST_VARIANCE = 1e-10  # of a hidden unit that is almost never active

_OPENAI = "Whisper's weights are OpenAI's, under the MIT licence (Radford et al. 2022)."

_FACEBOOK = "The weights that Meta published are under the Apache licence 2.0; a model tuned further has its own terms."

_MICROSOFT = "WavLM's page names the licence of microsoft/UniSpeech, CC BY-SA 3.0 (Chen et al. 2022)."

_YAMNET = "YAMNet's weights are Google's, under the Apache licence 2.0."

_VGGISH = "VGGish's weights are Google's, under the Apache licence 2.0 (Hershey et al. 2017)."


def _whisper(size: str) -> Encoder:
    file = f"whisper_{size}_encoder"
    return Encoder(whisper.params, whisper.apply, 20.0, 16_000, file, _OPENAI, "whisper", whisper.hidden)


def _wav2vec2(kind: str, file: str, note: str) -> Encoder:
    params = functools.partial(wav2vec2.params, kind)
    return Encoder(
        params,
        wav2vec2.apply,
        wav2vec2_config.HOP_MS,
        wav2vec2_config.RATE_HZ,
        file,
        note,
        "wav2vec2",
        None,
        ("layout",),
    )


ENCODERS = {
    "whisper_tiny_en": _whisper("tiny_en"),
    "whisper_tiny": _whisper("tiny"),
    "whisper_base": _whisper("base"),
    "whisper_base_en": _whisper("base_en"),
    "whisper_small": _whisper("small"),
    "whisper_small_en": _whisper("small_en"),
    "wav2vec2": _wav2vec2("wav2vec2", "wav2vec2", _FACEBOOK),  # of any size: as the folder's config.json states
    "wav2vec2_base": _wav2vec2("wav2vec2", "wav2vec2_base", _FACEBOOK),
    "hubert": _wav2vec2("hubert", "hubert", _FACEBOOK),
    "hubert_base": _wav2vec2("hubert", "hubert_base", _FACEBOOK),
    "wavlm": _wav2vec2("wavlm", "wavlm", _MICROSOFT),
    "wavlm_base_plus": _wav2vec2("wavlm", "wavlm_base_plus", _MICROSOFT),
    "yamnet": Encoder(yamnet.params, yamnet.apply, yamnet_input.HOP_MS, mel_patches.RATE_HZ, "yamnet", _YAMNET),
    "vggish": Encoder(vggish.params, vggish.apply, vggish_input.HOP_MS, mel_patches.RATE_HZ, "vggish", _VGGISH),
}


def encoder_for(config: EncoderFeatures) -> Encoder:
    """The encoder that a feature config names.

    Raises:
        UsageError: at an unknown encoder, a hop that is no multiple of the encoder's, another sample rate, or
            hidden units of an encoder that does not return them.
    """
    one_of("features.encoder", config.encoder, ENCODERS)
    encoder = ENCODERS[config.encoder]
    multiple = config.hop_ms >= encoder.hop_ms and config.hop_ms % encoder.hop_ms == 0
    for name, wanted, fits, found in (
        ("hop_ms", f"a multiple of {encoder.hop_ms:g}", multiple, config.hop_ms),
        ("sample_rate_hz", encoder.rate_hz, config.sample_rate_hz == encoder.rate_hz, config.sample_rate_hz),
    ):
        if not fits:
            raise UsageError(mismatch(f"features.{name}", f"{wanted}, as {config.encoder} has", f"{found:g}", "set it"))
    if config.part == "hidden" and encoder.hidden is None:
        known = ", ".join(name for name, one in ENCODERS.items() if one.hidden)
        do = "choose one of these, or set features.part to output"
        raise UsageError(mismatch("features.part hidden", f"one of {known}", config.encoder, do))
    return encoder


def params(config: EncoderFeatures, tensors: Tensors) -> Params:
    """The weights that features need, and those of the blocks above them that are fine-tuned.

    Raises:
        VoxJaxError, UsageError: as the encoder's own function.
    """
    last = max(config.blocks)
    return encoder_for(config).params(tensors, (*config.blocks, *range(last + 1, last + 1 + config.tuned_blocks)))


def blocks_to_finetune(config: EncoderFeatures, params: Params) -> Params:
    """Pretrained blocks to fine-tune: `{"blocks": {kind: {depth: weights}}}`; depth 0 is the highest block.

    Raises:
        UsageError: at an encoder whose blocks can't be fine-tuned, or at features of several blocks.
    """
    if not config.tuned_blocks:
        return {}
    kind, first = encoder_for(config).tunable, max(config.blocks) + 1
    if not kind:
        known = ", ".join(name for name, encoder in ENCODERS.items() if encoder.tunable)
        do = "choose one of these, or set tuned_blocks to 0"
        raise UsageError(mismatch("features.tuned_blocks", f"one of {known}", config.encoder, do))
    if len(config.blocks) > 1 or (config.centre, config.part, config.pooling) != ("none", "output", "none"):
        found = f"blocks {config.blocks}, centre '{config.centre}', part '{config.part}', pooling '{config.pooling}'"
        do = "set features.blocks to the block below those that are tuned, and the others to none, output and none"
        raise UsageError(mismatch("features.tuned_blocks", "one block's outputs, unscaled", found, do))
    numbers = range(first + config.tuned_blocks - 1, first - 1, -1)
    return {"blocks": {kind: {str(depth): TUNABLE[kind].weights(params, k) for depth, k in enumerate(numbers)}}}


@functools.partial(jax.jit, static_argnums=0)
def extract_features(
    config: EncoderFeatures,
    params: Params,
    samples: Float[Array | np.ndarray, "B time"],
    lengths: Int[Array | np.ndarray, " B"],
) -> tuple[Float16[Array, "B T C"], Int[Array, " B"]]:
    """Features of kind `encoder` of a batch of zero-padded clips.

    Where the hop is a multiple of the encoder's, that many neighbouring positions are averaged. With
    `config.pooling="statistics"` a clip is one position: means over time, then standard deviations.

    Args:
        config: names encoder, blocks, their part, hop and pooling.
        params: as the encoder's `params` gives them.
        samples: float32 `[B, time]`, zeros beyond each length.
        lengths: int32 `[B]`, in samples.

    Returns:
        float16 `[B, positions, blocks * channels]`, zero beyond each clip, and int32 `[B]`, its positions;
        of statistics `[B, 1, 2 * blocks * channels]`.
    """
    encoder = encoder_for(config)
    apply = encoder.hidden if config.part == "hidden" and encoder.hidden else encoder.apply
    samples = levels.apply(config.level, config.sample_rate_hz, samples, lengths)
    outputs, mask = apply(config.blocks, params, samples, lengths)
    outputs, mask = _pooled(round(config.hop_ms / encoder.hop_ms), outputs.reshape(*mask.shape, -1), mask)
    if config.pooling == "statistics":
        outputs = pooling.mean_and_deviation(outputs, mask.astype(outputs.dtype), _LEAST_VARIANCE)[:, None]
        mask = jnp.any(mask, axis=1, keepdims=True)
    return outputs.astype(jnp.float16), jnp.sum(mask, axis=1, dtype=jnp.int32)


def _pooled(
    factor: int, values: Float[Array, "B T C"], mask: Bool[Array, "B T"]
) -> tuple[Float[Array, "B pooled C"], Bool[Array, "B pooled"]]:
    """Means of `factor` neighbouring positions: `[B, T, C], [B, T] -> [B, T / factor, C], [B, T / factor]`."""
    if factor == 1:
        return values, mask
    spare = -mask.shape[1] % factor
    mask = jnp.pad(mask, ((0, 0), (0, spare))).reshape(mask.shape[0], -1, factor)
    values = jnp.pad(values, ((0, 0), (0, spare), (0, 0))).reshape(*mask.shape, -1)
    count = jnp.maximum(jnp.sum(mask, axis=2), 1).astype(values.dtype)
    total = jnp.sum(jnp.where(mask[..., None], values, 0.0), axis=2)
    return total / count[..., None], jnp.any(mask, axis=2)
