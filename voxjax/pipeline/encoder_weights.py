"""Where the weights of pretrained encoders lie, and reading them."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from voxjax import encoders
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.data.manifest import digest
from voxjax.encoders import tensors, wav2vec2_config
from voxjax.errors import UsageError, VoxJaxError, mismatch

ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "A pretrained encoder's weights, or their folder; else VOXJAX_WEIGHTS names the folder."
)
_SUFFIXES = (".npz", "_f16.npz", "_deq_f32.npz", ".safetensors")


class Encoder(NamedTuple):
    """An encoder's weights, as far as chosen blocks need them."""

    params: Any  # nested dictionaries of float32 arrays, on the host
    digest: str  # of the files, and the layout where it is told apart


def load(config: FeatureConfig, cache: Path) -> Encoder | None:
    """The encoder that the features ask for; None where they ask for none.

    Raises:
        UsageError: at an unknown encoder or block.
        VoxJaxError: at weights that are missing or damaged.
    """
    if not isinstance(config, EncoderFeatures):
        return None
    path = _located(config, cache)
    params = encoders.params(config, tensors.read(path))
    layout = params["layout"] if "layout" in params else ""
    return Encoder(params, "".join([*map(digest, tensors.files(path)), layout]))


def refuse_one_file(names: Iterable[str]) -> None:
    """Checks that `--encoder_weights` names no single file where several encoders are asked for.

    Raises:
        UsageError: where it does.
    """
    named, names = _named(), sorted(set(names))
    if named is not None and len(names) > 1 and named.is_file():
        do = "name the folder that holds them under their usual names"
        raise UsageError(mismatch("--encoder_weights", "a folder, for " + " and ".join(names), f"the file {named}", do))


def _located(config: EncoderFeatures, cache: Path) -> Path:
    """The file of weights: named by the flag, in its folder, in `VOXJAX_WEIGHTS`, or in the cache."""
    named = _named()
    if named is not None and named.is_file():
        return named
    places = [named] if named is not None else [*_environment(), cache / "encoders"]
    own = encoders.encoder_for(config).file
    wanted = [f"{own}{suffix}" for suffix in _SUFFIXES] + [f"{own}/{name}" for name in (tensors.WHOLE, tensors.INDEX)]
    for place in places:
        for name in wanted:
            if (place / name).is_file():
                return place / name
    if named is not None and (named / wav2vec2_config.CONFIG).is_file():
        return named  # the folder of one model, as it is published
    do = f"run python scripts/download.py --encoder={config.encoder}, or add --encoder_weights=FILE_OR_FOLDER"
    found = "none in " + ", ".join(map(str, places))
    raise VoxJaxError(mismatch(f"weights of {config.encoder}", " or ".join(wanted), found, do))


def _named() -> Path | None:
    """What the flag names; None without it, and outside a command."""
    given = ENCODER_WEIGHTS.value if flags.FLAGS.is_parsed() else None
    return Path(given) if given else None


def _environment() -> Sequence[Path]:
    return [Path(os.environ["VOXJAX_WEIGHTS"])] if "VOXJAX_WEIGHTS" in os.environ else []
