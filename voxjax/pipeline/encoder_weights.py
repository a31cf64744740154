"""Weights of pretrained encoders: their files on disk, and reading them."""

from pathlib import Path
from typing import NamedTuple

from voxjax import encoders
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.data.manifest import digest
from voxjax.encoders import tensors, wav2vec2_config
from voxjax.encoders.tensors import Params
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.pipeline.run_spec import Paths
from voxjax.storage import download_record

_SUFFIXES = (".npz", "_f16.npz", "_deq_f32.npz", ".safetensors")


class EncoderWeights(NamedTuple):
    """The weights of the blocks that features of one encoder need."""

    features: FeatureConfig  # of this encoder alone
    params: Params  # float32, on the host
    digest: str  # of the files, and of the encoder's static config where it has one


def load(config: FeatureConfig, paths: Paths) -> tuple[EncoderWeights, ...]:
    """The weights that the features need, of one encoder after the other; empty for features without an encoder.

    Raises:
        UsageError: at an unknown encoder or block, or one folder for several encoders.
        VoxJaxError: at weights that are missing or damaged.
    """
    found = locate(config, paths)
    if len(set(found)) < len(found):
        names = " and ".join(one.encoder for one in config.by_encoder)
        do = "name the folder that holds them under their usual names"
        raise UsageError(mismatch("--encoder_weights", f"weights of {names}", f"the model in {found[0]}", do))
    return tuple(_read(one, path) for one, path in zip(config.by_encoder, found, strict=True))


def _read(config: EncoderFeatures, path: Path) -> EncoderWeights:
    """The weights of one encoder from its file or folder."""
    digests = {file: digest(file) for file in tensors.files(path)}
    do = f"remove this folder and run voxjax download --encoder={config.encoder}"
    folder = path if path.is_dir() else path.parent
    download_record.check(folder, {file.name: one for file, one in digests.items()}, do)
    params = encoders.params(config, tensors.read(path))
    layout = params["layout"] if "layout" in params else ""
    return EncoderWeights(config, params, "".join([*digests.values(), layout]))


def locate(config: FeatureConfig, paths: Paths) -> list[Path]:
    """The file or folder of each encoder's weights: the one that the user named, or the first with a usual name.

    Raises:
        UsageError: at an unknown encoder.
        VoxJaxError: at encoders without weights, all of which it names.
    """
    found = {one.encoder: _find(_usual_names(one), paths) for one in config.by_encoder}
    missing = [one for one in config.by_encoder if found[one.encoder] is None]
    if missing:
        names = [one.encoder for one in missing]
        do = f"run voxjax download --encoder={'+'.join(names)}, or add --encoder_weights=FILE_OR_FOLDER"
        expected = ", and ".join(" or ".join(_usual_names(one)) for one in missing)
        places = "none in " + ", ".join(map(str, _places(paths)))
        raise VoxJaxError(mismatch(f"weights of {' and '.join(names)}", expected, places, do))
    return [path for path in found.values() if path is not None]


def _find(wanted: list[str], paths: Paths) -> Path | None:
    named = paths.encoder_weights
    if named is not None and named.is_file():
        return named
    for place in _places(paths):
        for name in wanted:
            if (place / name).is_file():
                return place / name
    if named is not None and (named / wav2vec2_config.CONFIG).is_file():
        return named  # the published folder of one model
    return None


def _usual_names(config: EncoderFeatures) -> list[str]:
    own = encoders.encoder_for(config).file
    return [f"{own}{suffix}" for suffix in _SUFFIXES] + [f"{own}/{name}" for name in (tensors.WHOLE, tensors.INDEX)]


def _places(paths: Paths) -> list[Path]:
    """The folders in which weights are looked for."""
    named = paths.encoder_weights
    return [named] if named is not None else [*filter(None, [paths.weights_dir]), paths.cache / "encoders"]
