"""wav2vec 2.0 (Baevski et al. 2020), HuBERT (Hsu et al. 2021) and WavLM (Chen et al. 2022), 50 frames a second.

Sizes are named as in `voxjax.encoders`; T are frames, C channels of convolutions. Modules and weights have
the reference's names, so that `wav2vec2_weights` finds each weight's tensor by its path.
"""

from collections.abc import Sequence
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders import wav2vec2_config, wav2vec2_input, wav2vec2_weights
from voxjax.encoders.tensors import Params, Tensors
from voxjax.encoders.wav2vec2_attention import ATTENTIONS
from voxjax.encoders.wav2vec2_config import Config
from voxjax.errors import UsageError, mismatch

_CONV_EPSILON = 1e-5  # of the norms after convolutions, whatever `layer_norm_eps` is


class ClipNorm(nn.Module):
    """Standardises each channel over a clip's own frames: `[B, T, C], [B, T] -> [B, T, C]`.

    The reference's group norm with one group per channel, computed without padding.
    """

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B T C"]:
        count = jnp.sum(mask, axis=1).astype(x.dtype)[:, None, None]
        mean = jnp.sum(jnp.where(mask[..., None], x, 0.0), axis=1, keepdims=True) / count  # [B, 1, C]
        square = jnp.where(mask[..., None], jnp.square(x - mean), 0.0)
        variance = jnp.sum(square, axis=1, keepdims=True) / count
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        return (x - mean) * jax.lax.rsqrt(variance + _CONV_EPSILON) * scale[None, None] + bias[None, None]


class ConvLayer(nn.Module):
    """A convolution, its norm if it has one, and GELU: `[B, T, C] -> [B, T', C']`.

    `counts` `[B]` are the clips' numbers of frames after it.
    """

    config: Config
    index: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"], counts: Int[Array, " B"]) -> Float[Array, "B _ _"]:
        config, i = self.config, self.index
        size, stride, bias = config.conv_kernel[i], config.conv_stride[i], config.conv_bias
        x = nn.Conv(config.conv_dim[i], (size,), stride, padding="VALID", use_bias=bias, name="conv")(x)
        if config.feat_extract_norm == "layer":
            x = _layer_norm(_CONV_EPSILON, "layer_norm")(x)
        elif i == 0:
            x = ClipNorm(name="layer_norm")(x, wav2vec2_input.within(x.shape[1], counts))
        return _gelu(x)


class FeatureExtractor(nn.Module):
    """Frames of 25 ms every 20 ms: samples `[B, time]` to `[B, T, C]` and their mask bool `[B, T]`.

    Convolutions are not padded, so that a clip's frames do not depend on samples beyond it.
    """

    config: Config

    @nn.compact
    def __call__(
        self, samples: Float[Array | np.ndarray, "B time"], lengths: Int[Array | np.ndarray, " B"]
    ) -> tuple[Float[Array, "B T C"], Bool[Array, "B T"]]:
        x = wav2vec2_input.prepared(self.config, samples, lengths)[..., None]
        counts = wav2vec2_input.frames(self.config, lengths)
        for i, count in enumerate(counts):
            x = ConvLayer(self.config, i, name=f"conv_layers_{i}")(x, count)
        return x, wav2vec2_input.within(x.shape[1], counts[-1])


class FeatureProjection(nn.Module):
    """A norm, in most models, and a dense layer: `[B, T, C] -> [B, T, D]`."""

    config: Config

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"]) -> Float[Array, "B T {self.config.hidden_size}"]:
        if self.config.feat_proj_layer_norm:
            x = _layer_norm(self.config.layer_norm_eps, "layer_norm")(x)
        return nn.Dense(self.config.hidden_size, name="projection")(x)


class PositionalConv(nn.Module):
    """Relative positional embedding by a convolution (Mohamed et al. 2019): `[B, T, D] -> [B, T, D]`."""

    config: Config

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        size, groups = self.config.num_conv_pos_embeddings, self.config.num_conv_pos_embedding_groups
        padding = (size // 2, size - 1 - size // 2)  # the reference pads evenly and drops the surplus at the end
        conv = nn.Conv(x.shape[-1], (size,), padding=(padding,), feature_group_count=groups, name="conv")
        return _gelu(conv(x))


class FeedForward(nn.Module):
    """Two dense layers with GELU between: `[B, T, D] -> [B, T, D]`."""

    config: Config

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        hidden = nn.Dense(self.config.intermediate_size, name="intermediate_dense")(x)
        return nn.Dense(x.shape[-1], name="output_dense")(_gelu(hidden))


class Block(nn.Module):
    """Attention and dense layers with residual connections: `[B, T, D] -> [B, T, D]`, and WavLM's bias."""

    config: Config

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"], bias: Float[Array, "H T T"] | None
    ) -> tuple[Float[Array, "B T D"], Float[Array, "H T T"] | None]:
        config = self.config
        before = config.do_stable_layer_norm
        norms = [_layer_norm(config.layer_norm_eps, name) for name in ("layer_norm", "final_layer_norm")]
        attention = ATTENTIONS[config.model_type](config, name="attention")
        feed_forward = FeedForward(config, name="feed_forward")
        attended, bias = attention(norms[0](x) if before else x, mask, bias)
        x = x + attended if before else norms[0](x + attended)
        x = x + feed_forward(norms[1](x)) if before else norms[1](x + feed_forward(x))
        return x, bias


class Encoder(nn.Module):
    """The outputs of chosen blocks, `[B, T, D] -> [B, T, N, D]`. Block 0 is the input of the first block."""

    config: Config
    blocks: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T N D"]:
        config, bias = self.config, None
        norm = _layer_norm(config.layer_norm_eps, "layer_norm")
        x = jnp.where(mask[..., None], x, 0.0)  # positions beyond the clip must equal padding
        x = x + PositionalConv(config, name="pos_conv_embed")(x)
        outputs = [x if config.do_stable_layer_norm else norm(x)]
        for i in range(max(self.blocks)):
            x, bias = Block(config, name=f"layers_{i}")(outputs[-1], mask, bias)
            outputs.append(x)
        if config.do_stable_layer_norm and max(self.blocks) == config.num_hidden_layers:
            outputs[-1] = norm(outputs[-1])
        return jnp.stack([outputs[k] for k in self.blocks], axis=2)


class Wav2Vec2(nn.Module):
    """The complete encoder. Hashable, so that it can be a static argument of `jit`.

    `apply(variables, samples, lengths)` takes float32 `[B, time]` at 16 kHz and int32 `[B]`, in samples, and returns
    float32 `[B, T, N, D]`, zero beyond each clip, and bool `[B, T]`, true within. More padding does not change them.

    Attributes:
        config: of the folder of the weights.
        blocks: whose outputs are returned; 0 is the input of the first. They equal the reference's `hidden_states`,
            except that the last block's is `last_hidden_state`, normed in large layouts. Later blocks are not built.
    """

    config: Config
    blocks: tuple[int, ...]

    @nn.compact
    def __call__(
        self, samples: Float[Array | np.ndarray, "B time"], lengths: Int[Array | np.ndarray, " B"]
    ) -> tuple[Float[Array, "B T N D"], Bool[Array, "B T"]]:
        x, mask = FeatureExtractor(self.config, name="feature_extractor")(samples, lengths)
        x = FeatureProjection(self.config, name="feature_projection")(x)
        outputs = Encoder(self.config, self.blocks, name="encoder")(x, mask)
        return jnp.where(mask[..., None, None], outputs, 0.0), mask


def apply(
    blocks: Sequence[int],
    params: Params,
    samples: Float[Array | np.ndarray, "B time"],
    lengths: Int[Array | np.ndarray, " B"],
) -> tuple[Float[Array, "B T N D"], Bool[Array, "B T"]]:
    """Outputs of chosen blocks for zero-padded clips. More padding does not change them.

    Args:
        blocks: counted from 1; 0 is the input of the first. Static.
        params: as `params` returns them, of the same blocks.
        samples: float32 `[B, time]` at 16 kHz.
        lengths: int32 `[B]`, in samples.

    Returns:
        float32 `[B, T, N, D]`, zero beyond each clip, and bool `[B, T]`; 50 positions a second.
    """
    network = Wav2Vec2(wav2vec2_config.parsed(params["layout"]), tuple(blocks))
    variables = {"params": {name: part for name, part in params.items() if name != "layout"}}
    return cast(tuple[Array, Array], network.apply(variables, samples, lengths))


def block(weights: Params, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
    """One block alone, on the output of the block below: `[B, T, D], [B, T] -> [B, T, D]`."""
    module = Block(wav2vec2_config.parsed(weights["layout"]))
    tree = {name: part for name, part in weights.items() if name != "layout"}
    return cast(tuple[Array, Array | None], module.apply({"params": tree}, x, mask, None))[0]


def block_weights(params: Params, number: int) -> Params:
    """The weights of one block, counted from 1, from the result of `params`, and the layout.

    Raises:
        UsageError: at a WavLM, whose blocks share a position bias that the first one computes.
    """
    config = wav2vec2_config.parsed(params["layout"])
    if config.model_type == "wavlm":
        do = "use architecture encoder_head, or another encoder"
        raise UsageError(mismatch("features.tuned_blocks", "an encoder whose blocks stand alone", "wavlm", do))
    return {**params["encoder"][f"layers_{number - 1}"], "layout": params["layout"]}


def params(kind: str, tensors: Tensors, blocks: Sequence[int]) -> Params:
    """Weights of a published encoder up to the last chosen block, and its layout.

    Args:
        kind: the `model_type` that the layout must have.
        tensors: of a file in a folder with `config.json` and `preprocessor_config.json`.
        blocks: the chosen blocks, from 0 (the input of the first) to the last.

    Returns:
        Nested dictionaries of float32 arrays, and the layout, which is static, under `layout`.

    Raises:
        VoxJaxError: at a file that is missing, a layout that is not supported or of another kind, or a tensor that is
            missing or of another shape.
        UsageError: at a block that the encoder does not have, or without blocks.
    """
    config = wav2vec2_config.read(tensors.folder, kind)
    last = config.num_hidden_layers
    if not blocks or not all(0 <= k <= last for k in blocks):
        found = ", ".join(map(str, blocks)) or "none"
        do = "choose config.features.blocks among these"
        raise UsageError(mismatch(f"blocks of {kind}", f"numbers from 0 to {last}", found, do))
    network = Wav2Vec2(config, tuple(blocks))
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 1)), jnp.ones(1, jnp.int32))
    return {"layout": wav2vec2_config.text(config), **wav2vec2_weights.fill(tensors, shapes["params"])}


def _layer_norm(epsilon: float, name: str) -> nn.LayerNorm:
    """Layer norm; the variance is computed from differences, as the large models have outliers."""
    return nn.LayerNorm(epsilon, use_fast_variance=False, name=name)


def _gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return nn.gelu(x, approximate=False)
