"""The model folder: everything that prediction needs, as one JSON file and files of arrays."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from voxjax import models
from voxjax.artifacts import abstract_shapes, array_files, model_description, model_values, training_identity
from voxjax.artifacts.abstract_shapes import FeatureShape
from voxjax.artifacts.array_files import OLD_SUFFIX, SUFFIX, ArrayFile
from voxjax.artifacts.array_headers import TEXT
from voxjax.artifacts.migration import FORMAT
from voxjax.artifacts.trained_model import TrainedFeatures, TrainedMember, TrainedModel
from voxjax.artifacts.training_identity import TrainingIdentity
from voxjax.audio.normalize import Scaler
from voxjax.config import FeatureConfig
from voxjax.config_schema import Plain, freeze, thaw
from voxjax.encoders.static_config import TUNED, Layout
from voxjax.encoders.tensors import Params
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.metrics.domain_distance import Density
from voxjax.storage import atomic, sealed_json
from voxjax.storage.paths import AnyPath, reaching
from voxjax.version import __version__

__all__ = ["TrainedFeatures", "TrainedMember", "TrainedModel", "add", "load", "save"]

_DESCRIPTION, _WEIGHTS, _IDENTITY, _DENSITY = model_description.NAME, "weights", "identity.npz", "density"
_ENCODER_TYPES = ("float16", TEXT)
_LARGEST_IDENTITY = 2**28  # bytes


def save(folder: AnyPath, trained: TrainedModel) -> None:
    """Writes the folder; an existing model is replaced.

    The description is written last and holds the hash of the weights and its own, so that an interrupted write and
    damage are detected. Files of arrays that an older VoxJAX left there are removed.

    Raises:
        OSError: if the disk is full or the folder can't be written.
    """
    arrays = {_WEIGHTS: _flat(trained.members)}
    for i, feature_set in enumerate(trained.feature_sets):
        if feature_set.encoder is not None:
            halved = jax.tree.map(lambda leaf: np.asarray(leaf, np.float16), feature_set.encoder)
            arrays[_encoder_name(i)] = _named("encoder", halved)
    if trained.density is not None:
        arrays[_DENSITY] = trained.density._asdict()
    files = {name + SUFFIX: array_files.packed(values) for name, values in arrays.items()}
    if trained.identity is not None:
        files[_IDENTITY] = training_identity.to_bytes(trained.identity)
    for name, content in files.items():
        atomic.write(folder / name, content)
    atomic.write(folder / _DESCRIPTION, sealed_json.text(_described(trained, files)))
    for name in arrays:
        (folder / (name + OLD_SUFFIX)).unlink(missing_ok=True)


def load(folder: AnyPath) -> TrainedModel:
    """Reads what `save` wrote, as if a stranger had made it.

    Names, types and shapes of all arrays are held against those that the architecture, its options, the features and
    the labels demand, before an array is read. What no check can know is whether a finite weight is the trained one:
    hashes find damage, and whoever changes a weight can change its hash, too.

    Raises:
        VoxJaxError: at a folder that is missing, incomplete or damaged, holds what no training gives, or was made by a
            newer program.
    """
    path = folder / _DESCRIPTION
    with reaching(path):
        there = path.is_file()
    if not there:
        do = "give the folder that training left, as RUN/model, or one of checkpoints/"
        raise VoxJaxError(mismatch("model", f"a folder with {_DESCRIPTION}", str(folder), do))
    description = model_description.read(path)
    rows, suffix = enumerate(description["feature_sets"]), description["arrays"]
    sets = [_feature_set(folder / (_encoder_name(i) + suffix), row) for i, row in rows]
    shapes = [(one.features, shape) for one, shape in sets]
    weights = ArrayFile(folder / (_WEIGHTS + suffix), description["sha256"], "the weights")
    members, labels = description["members"], description["labels"]
    try:
        weights.check(*model_values.weights(members, shapes, len(labels)))
    except UsageError as error:
        raise VoxJaxError(f"{path}: {error}") from error
    arrays = weights.nested()
    model_values.check_weights(weights.path, arrays, members)
    model = _trained(description, tuple(one for one, _ in sets), arrays)
    return dataclasses.replace(
        model, identity=_identity(folder, description), density=_density(folder, description, *shapes[0])
    )


def add(folder: AnyPath, identity: TrainingIdentity, density: Density | None) -> None:
    """Writes what a model in a folder has learnt from; its weights and figures stay.

    Raises:
        VoxJaxError: at a folder without a whole model.
        OSError: if it can't be written.
    """
    load(folder)
    description = model_description.read(folder / _DESCRIPTION)
    suffix = description["arrays"]
    packed = array_files.packed if suffix == SUFFIX else array_files.packed_archive
    files = {_IDENTITY: training_identity.to_bytes(identity)}
    if density is not None:
        files[_DENSITY + suffix] = packed(density._asdict())
    for name, content in files.items():
        atomic.write(folder / name, content)
        description[f"{name.partition('.')[0]}_sha256"] = _hash(files, name)
    atomic.write(folder / _DESCRIPTION, sealed_json.text(description))


def _described(trained: TrainedModel, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The content of `model.json`."""
    return {
        "format": FORMAT,
        "voxjax": __version__,
        "jax": jax.__version__,
        "architecture": trained.architecture,
        "options": models.options(trained.architecture, trained.options) if trained.options else {},
        "labels": list(trained.labels),
        "arrays": SUFFIX,
        "feature_sets": [_described_features(one, i, files) for i, one in enumerate(trained.feature_sets)],
        "temperature": float(trained.temperature),
        "members": [
            {
                "architecture": member.architecture,
                "options": models.options(member.architecture, member.options),
                "weight": member.weight,
                "feature_set": member.feature_set,
                "modalities": member.modalities,
                "columns": dict(member.columns),
            }
            for member in trained.members
        ],
        "sha256": _hash(files, _WEIGHTS + SUFFIX),
        "identity_sha256": _hash(files, _IDENTITY),
        "density_sha256": _hash(files, _DENSITY + SUFFIX),
        "meta": dict(trained.meta),
    }


def _described_features(feature_set: TrainedFeatures, i: int, files: Mapping[str, bytes]) -> dict[str, Any]:
    features = {"features": thaw(feature_set.features)}
    if feature_set.encoder is None:
        return features
    return features | {"encoder_sha256": _hash(files, _encoder_name(i) + SUFFIX)}


def _feature_set(path: AnyPath, row: Plain) -> tuple[TrainedFeatures, FeatureShape]:
    """A feature set with its encoder, which is read once its arrays are known to fit."""
    config = freeze(FeatureConfig, row["features"], "features")
    if "encoder_sha256" not in row:
        return TrainedFeatures(config), abstract_shapes.of_features(config, ())
    file = ArrayFile(path, row["encoder_sha256"], "the encoder")
    arrays = {}
    for name, header in sorted(file.headers.items()):
        if not name.startswith("encoder/") or header.dtype not in _ENCODER_TYPES:
            raise file.unfit(f"arrays of an encoder, of {' or '.join(_ENCODER_TYPES)}", f"{name:.120} of {header}")
        arrays[name.removeprefix("encoder/")] = Layout(file.text(name)) if header.dtype == TEXT else header
    try:
        shape = abstract_shapes.of_features(config, tuple(arrays.items()))
    except VoxJaxError as error:
        raise file.unfit("an encoder as features demand it", str(error)) from error
    return TrainedFeatures(config, jax.tree.map(_restored, file.nested()["encoder"])), shape


def _encoder_name(i: int) -> str:
    """The name, without its suffix, of the file with the encoder of feature set `i`."""
    return f"encoder{i or ''}"


def _trained(description: Plain, feature_sets: tuple[TrainedFeatures, ...], arrays: Params) -> TrainedModel:
    members = []
    for i, member in enumerate(description["members"]):
        tree = arrays[str(i)]
        members.append(
            TrainedMember(
                architecture=member["architecture"],
                options=member["options"],
                weight=member["weight"],
                variables={
                    "params": jax.tree.map(_restored, tree["params"]),
                    "stats": tree["stats"] if "stats" in tree else {},
                },
                scaler=Scaler(**tree["scaler"]),
                feature_set=member["feature_set"],
                modality_scalers={name: Scaler(**tree["modality_scalers"][name]) for name in member["modalities"]},
                columns={name: tuple(names) for name, names in member["columns"].items()},
            )
        )
    return TrainedModel(
        architecture=description["architecture"],
        options=description["options"],
        labels=tuple(description["labels"]),
        feature_sets=feature_sets,
        temperature=description["temperature"],
        members=members,
        meta=description["meta"],
    )


def _identity(folder: AnyPath, description: Plain) -> TrainingIdentity | None:
    """Which recordings and people the model has learnt from, where the folder says so."""
    sha256, path = description["identity_sha256"], folder / _IDENTITY
    if sha256 is None:
        return None
    content = array_files.checked(path, sha256, "the identity of the training clips", _LARGEST_IDENTITY)
    try:
        return training_identity.from_bytes(content)
    except ValueError as error:
        do = "get the model again from where it was published"
        raise VoxJaxError(mismatch(str(path), "recordings and people", f"{error!s:.300}", do)) from error


def _density(folder: AnyPath, description: Plain, config: FeatureConfig, shape: FeatureShape) -> Density | None:
    """The density of the training clips, where the folder has it."""
    if description["density_sha256"] is None:
        return None
    file = ArrayFile(
        folder / (_DENSITY + description["arrays"]), description["density_sha256"], "the density of the training clips"
    )
    file.check(model_values.density(config, shape, file.headers), {})
    density = Density(**file.nested())
    model_values.check_density(file.path, density)
    return density


def _hash(files: Mapping[str, bytes], name: str) -> str | None:
    return hashlib.sha256(files[name]).hexdigest() if name in files else None


def _flat(members: list[TrainedMember]) -> dict[str, np.ndarray]:
    """All arrays under names such as `0/params/Dense_0/kernel`; tuned encoder blocks are halved, as the encoder is."""
    flat: dict[str, np.ndarray] = {}
    for i, member in enumerate(members):
        scalers = {"scaler": member.scaler._asdict()}
        if member.modality_scalers:
            own = {name: scaler._asdict() for name, scaler in member.modality_scalers.items()}
            scalers["modality_scalers"] = own
        flat |= _named(str(i), {**member.variables, **scalers})
    return {name: leaf.astype(np.float16) if f"/{TUNED}" in name else leaf for name, leaf in flat.items()}


def _named(first: str, tree: Params) -> dict[str, np.ndarray]:
    """The leaves of nested dictionaries under their path, such as `first/a/b`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree, lambda node: isinstance(node, Layout))[0]
    return {"/".join([first, *(str(part.key) for part in path)]): np.asarray(leaf) for path, leaf in leaves}


def _restored(leaf: np.ndarray) -> Layout | np.ndarray:
    """An array in full precision, or an encoder's layout."""
    return Layout(leaf.item()) if leaf.dtype.kind == "U" else leaf.astype(np.float32)
