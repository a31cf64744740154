"""The layout of a published wav2vec 2.0, HuBERT or WavLM: its `config.json` and `preprocessor_config.json`."""

import collections.abc
import dataclasses
import json
import math
from pathlib import Path
from typing import cast

from voxjax.config import in_range, one_of
from voxjax.config_schema import Plain, freeze, thaw
from voxjax.encoders.static_config import Layout
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.storage import strict_json

RATE_HZ = 16_000
MODEL_TYPES = ("hubert", "wav2vec2", "wavlm")
HOP_MS = 20.0
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"

_LARGEST = 65_536  # a larger width means a damaged file
# Fields of which only one value is supported.
_FIXED = {
    "hidden_act": "gelu",
    "feat_extract_activation": "gelu",
    "conv_pos_batch_norm": False,
    "adapter_attn_dim": None,
    "sampling_rate": RATE_HZ,
}


@dataclasses.dataclass(frozen=True)
class Config:
    """The layout, with the names of the files. A field that is missing in a file has the reference's default.

    `do_normalize` is the preprocessor's: whether each clip is scaled to zero mean and unit variance. The published
    models differ in it, so there is no default.
    """

    model_type: str
    do_normalize: bool
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    layer_norm_eps: float = 1e-5
    feat_extract_norm: str = "group"  # over time after the first convolution, or "layer": over channels after each
    feat_proj_layer_norm: bool = True
    conv_dim: tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512)
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)  # of samples, then of frames
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    num_conv_pos_embeddings: int = 128  # frames in the positional convolution
    num_conv_pos_embedding_groups: int = 16
    do_stable_layer_norm: bool = False  # norms before attention and dense layers (large) instead of after (base)
    num_buckets: int = 320  # of distances between frames, WavLM only
    max_bucket_distance: int = 800  # frames; larger distances share one bucket, WavLM only

    def __post_init__(self) -> None:
        """Raises a UsageError where the fields don't fit together."""
        one_of("model_type", self.model_type, MODEL_TYPES)
        one_of("feat_extract_norm", self.feat_extract_norm, ("group", "layer"))
        values = thaw(self)
        for name, value in values.items():
            for number in value if isinstance(value, tuple) else (value,):
                if type(number) is int:
                    in_range(name, number, 1, _LARGEST)
        in_range("num_buckets", self.num_buckets, 4, _LARGEST)
        in_range("max_bucket_distance", self.max_bucket_distance, self.num_buckets // 4 + 1, _LARGEST)
        lengths = {len(self.conv_dim), len(self.conv_kernel), len(self.conv_stride)}
        if len(lengths) != 1 or not self.conv_dim:
            found = f"{len(self.conv_dim)}, {len(self.conv_kernel)} and {len(self.conv_stride)}"
            what = "conv_dim, conv_kernel and conv_stride"
            raise UsageError(mismatch(what, "a number for each of the same layers", found, "correct the file"))
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if self.hidden_size % values[name]:
                expected = f"a divisor of hidden_size {self.hidden_size}"
                raise UsageError(mismatch(name, expected, values[name], "correct the file"))


def read(folder: Path, kind: str) -> Config:
    """The layout of the model in a folder.

    Raises:
        VoxJaxError: at a file that is missing or damaged, a value of the wrong type, an unsupported layout, or
            another `model_type` than `kind`.
    """
    values = {"model_type": None, **_json(folder / CONFIG), "do_normalize": None, **_json(folder / PREPROCESSOR)}
    try:
        one_of("model_type", values["model_type"], MODEL_TYPES)
        _check_supported(values)
        known = [field.name for field in dataclasses.fields(Config) if field.name in values]
        config = cast(Config, freeze(Config, {name: values[name] for name in known}, "layout"))
    except UsageError as error:
        raise VoxJaxError(f"{folder}: {error}") from error
    try:
        _check_hop(config)
    except UsageError as error:
        raise VoxJaxError(f"{folder}: {error}") from error
    if config.model_type != kind:
        do = f"set config.features.encoder to {config.model_type}, or give other weights"
        raise VoxJaxError(mismatch(f"{folder}: model_type", kind, config.model_type, do))
    return config


def text(config: Config) -> Layout:
    """The layout as text, which is kept with the weights."""
    return Layout(json.dumps(thaw(config), allow_nan=False))


def parsed(layout: str) -> Config:
    """The layout from the result of `text`.

    Raises:
        UsageError: at a text that is not a layout.
    """
    config = cast(Config, freeze(Config, strict_json.parsed(layout), "layout"))
    _check_hop(config)
    return config


def _check_hop(config: Config) -> None:
    hop = math.prod(config.conv_stride)
    if hop != HOP_MS * RATE_HZ / 1000:
        expected = f"strides that make {HOP_MS:g} ms"
        raise UsageError(mismatch("conv_stride", expected, f"{hop} samples", "choose another model"))


def _check_supported(values: Plain) -> None:
    for name, only in _FIXED.items():
        if name in values and values[name] != only:
            do = "this layout is not built; choose another model"
            raise UsageError(mismatch(name, only, repr(values[name]), do))


def _json(path: Path) -> Plain:
    do = "fetch it from where the weights come from, into the same folder"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VoxJaxError(mismatch(str(path), "a file beside the weights", error.strerror, do)) from error
    except ValueError as error:
        raise VoxJaxError(mismatch(str(path), "JSON", error, do)) from error
    if not isinstance(values, collections.abc.Mapping):
        raise VoxJaxError(mismatch(str(path), "an object", type(values).__name__, do))
    return dict(values)
