"""Weights of pretrained encoders: their files on disk, and reading them."""

from pathlib import Path
from typing import NamedTuple

from voxjax import encoders
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.data.manifest import digest
from voxjax.encoders import tensors, wav2vec2_config
from voxjax.encoders.tensors import Params
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline.run_spec import Paths
from voxjax.storage import download_record

_SUFFIXES = (".npz", "_f16.npz", "_deq_f32.npz", ".safetensors")


class EncoderWeights(NamedTuple):
    """The weights of the blocks that features need."""

    params: Params  # float32, on the host
    digest: str  # of the files, and of the encoder's static config where it has one


def load(config: FeatureConfig, paths: Paths) -> EncoderWeights | None:
    """The weights that the features need; None for features without an encoder.

    Raises:
        UsageError: at an unknown encoder or block.
        VoxJaxError: at weights that are missing or damaged.
    """
    if not isinstance(config, EncoderFeatures):
        return None
    path = locate(config, paths)
    digests = {file: digest(file) for file in tensors.files(path)}
    do = f"remove this folder and run voxjax download --encoder={config.encoder}"
    folder = path if path.is_dir() else path.parent
    download_record.check(folder, {file.name: one for file, one in digests.items()}, do)
    params = encoders.params(config, tensors.read(path))
    layout = params["layout"] if "layout" in params else ""
    return EncoderWeights(params, "".join([*digests.values(), layout]))


def locate(config: EncoderFeatures, paths: Paths) -> Path:
    """The file or folder of an encoder's weights: the one that the user named, or the first with a usual name.

    Raises:
        VoxJaxError: if there is none.
    """
    named = paths.encoder_weights
    if named is not None and named.is_file():
        return named
    places = [named] if named is not None else [*filter(None, [paths.weights_dir]), paths.cache / "encoders"]
    own = encoders.encoder_for(config).file
    wanted = [f"{own}{suffix}" for suffix in _SUFFIXES] + [f"{own}/{name}" for name in (tensors.WHOLE, tensors.INDEX)]
    for place in places:
        for name in wanted:
            if (place / name).is_file():
                return place / name
    if named is not None and (named / wav2vec2_config.CONFIG).is_file():
        return named  # the published folder of one model
    do = f"run voxjax download --encoder={config.encoder}, or add --encoder_weights=FILE_OR_FOLDER"
    found = "none in " + ", ".join(map(str, places))
    raise VoxJaxError(mismatch(f"weights of {config.encoder}", " or ".join(wanted), found, do))
