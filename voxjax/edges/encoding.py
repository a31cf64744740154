"""Pretrained encoders at hand: where their weights lie, features made with them, and these kept on disk."""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags

from voxjax import encoders
from voxjax.audio import features
from voxjax.config import FeatureConfig
from voxjax.data import examples
from voxjax.data.examples import Examples, Extract
from voxjax.data.manifest import Manifest, digest
from voxjax.edges import files
from voxjax.edges.views import View
from voxjax.encoders import tensors, wav2vec2_config
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.frozen import thaw

ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "A pretrained encoder's weights, or their folder; else VOXJAX_WEIGHTS names the folder."
)
_SUFFIXES = (".npz", "_f16.npz", "_deq_f32.npz", ".safetensors")
_VERSION = 1


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
    if config.kind != "encoder":
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


def extractor(config: FeatureConfig, params: Any) -> Extract:
    """What makes features of zero-padded samples. `params` are the encoder's, None where there is none."""
    if params is None:
        return functools.partial(features.extract, config)
    return functools.partial(encoders.extract, config, jax.device_put(params))


def rows(
    view: View,
    encoder: Encoder | None,
    manifest: Manifest,
    clip: Callable[[int], np.ndarray],
    cache: Path,
    report: Callable[[int], object],
) -> Examples:
    """Features of all clips and their copies; what an encoder made is kept on disk and read back the next time.

    Args:
        view: what the clips become.
        encoder: as `load` gives it.
        manifest: the clips.
        clip: gives one clip's samples.
        cache: where they are kept.
        report: told how many clips are done since it was last called.

    Raises:
        VoxJaxError: where they can't be kept.
    """

    def build() -> Examples:
        clips = [clip(i) for i in range(len(manifest))]
        ids = [one.copy_id for one in manifest.clips]
        extract = extractor(view.features, encoder.params if encoder else None)
        return examples.build(view.features, clips, report, view.copies, ids, extract)

    if encoder is None:
        return build()
    key = [
        _VERSION,
        encoder.digest,
        {**thaw(view.features), "centre": "corpus", "tuned_blocks": 0},  # neither changes what an encoder says
        thaw(view.copies),
        [one.content for one in manifest.clips],
    ]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
    found = _read(cache / "encoded", name)
    if found is not None:
        report(len(manifest))
        return found
    made = build()
    try:
        _write(cache / "encoded", name, made)
    except OSError as error:
        do = "free some space, or set VOXJAX_CACHE to another folder"
        what = f"to keep {made.features.nbytes / 1e6:,.0f} MB of encoded clips"
        raise VoxJaxError(mismatch(str(cache / "encoded"), what, error.strerror, do)) from error
    return made


def _located(config: FeatureConfig, cache: Path) -> Path:
    """The file of weights: named by the flag, in its folder, in `VOXJAX_WEIGHTS`, or in the cache."""
    named = _named()
    if named is not None and named.is_file():
        return named
    places = [named] if named is not None else [*_environment(), cache / "encoders"]
    own = encoders.of(config).file
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


def _read(folder: Path, name: str) -> Examples | None:
    """What `_write` kept, its features mapped and not loaded; None where there is none."""
    try:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as small:
            lengths, owners = small["lengths"], small["owners"]
        values = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError):
        return None
    return Examples(values, lengths, owners) if values.shape[:2] == lengths.shape else None


def _write(folder: Path, name: str, made: Examples) -> None:
    """The features first and the small arrays last: without these nothing is taken to be there."""
    files.save(folder / f"{name}.npy", lambda file: np.save(file, made.features, allow_pickle=False))
    small: Mapping[str, Any] = {"lengths": made.lengths, "owners": made.owners}
    files.save(folder / f"{name}.npz", lambda file: np.savez(file, allow_pickle=False, **small))
