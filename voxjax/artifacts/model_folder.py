"""The model folder: everything that prediction needs, as one JSON file and files of arrays."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from voxjax.artifacts import array_files, training_identity
from voxjax.artifacts.array_files import OLD_SUFFIX, SUFFIX
from voxjax.artifacts.migration import FORMAT, migrated
from voxjax.artifacts.training_identity import TrainingIdentity
from voxjax.audio.normalize import Scaler
from voxjax.config import FeatureConfig
from voxjax.config_schema import Plain, freeze, thaw
from voxjax.encoders.static_config import TUNED, Layout
from voxjax.encoders.tensors import Params
from voxjax.errors import VoxJaxError, mismatch
from voxjax.metrics.domain_distance import Density
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath, reaching
from voxjax.version import __version__

_DESCRIPTION, _WEIGHTS, _IDENTITY, _DENSITY = "model.json", "weights", "identity.npz", "density"


@dataclasses.dataclass(frozen=True)
class TrainedFeatures:
    """One feature set of the model.

    `encoder` holds the weights of the pretrained encoder that computes it, without blocks that are not needed; they
    are kept in half precision.
    """

    features: FeatureConfig
    encoder: Params | None = None


@dataclasses.dataclass(frozen=True)
class TrainedMember:
    """One trained network.

    `variables` is `{"params": …, "stats": …}`, nested dictionaries of arrays; `weight` is the member's relative
    weight in the vote; `feature_set` is an index into the model's feature sets; `modality_scalers` are of the
    modalities other than the audio that it fuses, and `columns` the names of their channels, where they have names.
    """

    architecture: str
    options: Plain
    weight: float
    variables: Mapping[str, Params]
    scaler: Scaler
    feature_set: int = 0
    modality_scalers: Mapping[str, Scaler] = dataclasses.field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def modalities(self) -> dict[str, int]:
        """The size of each modality: numbers per position."""
        return {name: scaler.mean.shape[-1] for name, scaler in self.modality_scalers.items()}


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A trained model; an ensemble has several members.

    `meta` is free JSON: name, corpus, protocol, figures, licence note. `identity` says which recordings and people
    the model has learnt from; None in a model of before format 6, which knows its training clips by bytes and name.
    `density` is of the training clips in the first feature set; None where there were too few, and before format 6.

    Raises:
        VoxJaxError: if members were trained on different columns of a modality.
    """

    architecture: str
    options: Plain
    labels: tuple[str, ...]
    feature_sets: tuple[TrainedFeatures, ...]
    temperature: float
    members: list[TrainedMember]
    meta: Plain
    identity: TrainingIdentity | None = None
    density: Density | None = None

    def __post_init__(self) -> None:
        known: dict[str, str] = {}
        for member in self.members:
            for name, size in member.modalities.items():
                own = f"{size} numbers {', '.join(member.columns[name] if name in member.columns else ())}".strip()
                if known.setdefault(name, own) != own:
                    do = "train the members on the same columns"
                    raise VoxJaxError(mismatch(f"modality {name}, of all members", known[name], own, do))


def save(folder: AnyPath, trained: TrainedModel) -> None:
    """Writes the folder; an existing model is replaced.

    The description is written last and holds the hash of the weights, so that an interrupted write is detected. Files
    of arrays that an older VoxJAX left there are removed.

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
    atomic.write(folder / _DESCRIPTION, json.dumps(_described(trained, files), indent=1, allow_nan=False) + "\n")
    for name in arrays:
        (folder / (name + OLD_SUFFIX)).unlink(missing_ok=True)


def load(folder: AnyPath) -> TrainedModel:
    """Reads what `save` wrote.

    Raises:
        VoxJaxError: at a folder that is missing, incomplete or damaged, or made by a newer program.
    """
    path = folder / _DESCRIPTION
    with reaching(path):
        there = path.is_file()
    if not there:
        do = "give the folder that training left, as RUN/model, or one of checkpoints/"
        raise VoxJaxError(mismatch("model", f"a folder with {_DESCRIPTION}", str(folder), do))
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        version = description["format"]
        if version > FORMAT:
            expected, found = f"format {FORMAT} or older", f"{version} (by VoxJAX {description['voxjax']})"
            raise VoxJaxError(mismatch(str(path), expected, found, "install a newer VoxJAX"))
        description = migrated(description)
        rows, suffix = enumerate(description["feature_sets"]), description["arrays"]
        feature_sets = tuple(_feature_set(folder / (_encoder_name(i) + suffix), row) for i, row in rows)
        weights = array_files.nested(folder / (_WEIGHTS + suffix), description["sha256"])
        model = _trained(description, feature_sets, weights)
        return dataclasses.replace(
            model, identity=_identity(folder, description), density=_density(folder, description)
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__} {error}"
        raise VoxJaxError(mismatch(str(path), "a whole description", found, "copy the folder again")) from error


def add(folder: AnyPath, identity: TrainingIdentity, density: Density | None) -> None:
    """Writes what a model in a folder has learnt from; its weights and figures stay.

    Raises:
        VoxJaxError: at a folder without a whole model.
        OSError: if it can't be written.
    """
    load(folder)
    description = migrated(json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8")))
    suffix = description["arrays"]
    packed = array_files.packed if suffix == SUFFIX else array_files.packed_archive
    files = {_IDENTITY: training_identity.to_bytes(identity)}
    if density is not None:
        files[_DENSITY + suffix] = packed(density._asdict())
    for name, content in files.items():
        atomic.write(folder / name, content)
        description[f"{name.partition('.')[0]}_sha256"] = _hash(files, name)
    atomic.write(folder / _DESCRIPTION, json.dumps(description, indent=1, allow_nan=False) + "\n")


def _described(trained: TrainedModel, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The content of `model.json`."""
    return {
        "format": FORMAT,
        "voxjax": __version__,
        "jax": jax.__version__,
        "architecture": trained.architecture,
        "options": dict(trained.options),
        "labels": list(trained.labels),
        "arrays": SUFFIX,
        "feature_sets": [_described_features(one, i, files) for i, one in enumerate(trained.feature_sets)],
        "temperature": float(trained.temperature),
        "members": [
            {
                "architecture": member.architecture,
                "options": dict(member.options),
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


def _feature_set(path: AnyPath, row: Plain) -> TrainedFeatures:
    features = freeze(FeatureConfig, row["features"], "features")
    if "encoder_sha256" not in row:
        return TrainedFeatures(features)
    return TrainedFeatures(
        features, jax.tree.map(_restored, array_files.nested(path, row["encoder_sha256"])["encoder"])
    )


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
    sha256 = description["identity_sha256"]
    if sha256 is None:
        return None
    return training_identity.from_bytes(
        array_files.checked(folder / _IDENTITY, sha256, "the identity of the training clips")
    )


def _density(folder: AnyPath, description: Plain) -> Density | None:
    """The density of the training clips, where the folder has it."""
    sha256 = description["density_sha256"]
    path = folder / (_DENSITY + description["arrays"])
    return None if sha256 is None else Density(**array_files.nested(path, sha256))


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
