"""The model folder: everything that predicting needs, as one JSON file and one file of arrays."""

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from voxjax.audio.normalize import Scaler
from voxjax.config import FeatureConfig, without_other_kinds
from voxjax.config_schema import freeze, thaw
from voxjax.encoders.static_config import TUNED, Layout
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import atomic
from voxjax.version import __version__

FORMAT = 1  # raised when older programs could not read what is written
_WITH_ENCODER = 2
_WITH_VIEWS = 3
_WITH_MODALITIES = 4
_DESCRIPTION, _WEIGHTS = "model.json", "weights.npz"
_ARCHITECTURE_NAMES = {"discriminant": "lda"}  # of older model folders, and today's


@dataclasses.dataclass(frozen=True)
class View:
    """How members see a clip.

    `encoder` holds the weights of the pretrained encoder whose outputs they see, as far as they need them; they are
    kept in half precision.
    """

    features: FeatureConfig
    encoder: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Member:
    """One network.

    `variables` is `{"params": …, "stats": …}`, nested dictionaries of arrays; `weight` is the
    member's share of the vote, relative to the others; `view` numbers the model's views; `other_scalers` are those
    of the modalities that it sees beside the audio, and `columns` name the numbers of these, where they have names.
    """

    architecture: str
    options: Mapping[str, Any]
    weight: float
    variables: Mapping[str, Any]
    scaler: Scaler
    view: int = 0
    other_scalers: Mapping[str, Scaler] = dataclasses.field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def modalities(self) -> dict[str, int]:
        """How many numbers a position each of them has."""
        return {name: scaler.mean.shape[-1] for name, scaler in self.other_scalers.items()}


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model, an ensemble being several members.

    `meta` is free JSON: name, corpus, protocol, figures, licence note.

    Raises:
        VoxJaxError: where members see other numbers of the same modality.
    """

    architecture: str
    options: Mapping[str, Any]
    labels: tuple[str, ...]
    views: tuple[View, ...]
    temperature: float
    members: list[Member]
    meta: Mapping[str, Any]

    def __post_init__(self) -> None:
        known: dict[str, str] = {}
        for member in self.members:
            for name, size in member.modalities.items():
                own = f"{size} numbers {', '.join(member.columns[name] if name in member.columns else ())}".strip()
                if known.setdefault(name, own) != own:
                    do = "train the members on the same columns"
                    raise VoxJaxError(mismatch(f"modality {name}, of all members", known[name], own, do))


def save(folder: Path, trained: Trained) -> None:
    """Writes the folder; a model that is there is replaced.

    The description is written last and holds the hash of the weights, so that no cut-off write can
    be taken for a model.

    Raises:
        OSError: at a full disk, or a folder that can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {_WEIGHTS: _packed(_flat(trained.members))}
    for i, view in enumerate(trained.views):
        if view.encoder is not None:
            halved = jax.tree.map(lambda leaf: np.asarray(leaf, np.float16), view.encoder)
            weights[_encoder(i)] = _packed(_named("encoder", halved))
    for name, content in weights.items():
        atomic.write(folder / name, content)
    atomic.write(folder / _DESCRIPTION, json.dumps(_described(trained, weights), indent=1) + "\n")


def load(folder: Path) -> Trained:
    """Reads what `save` wrote.

    Raises:
        VoxJaxError: at a folder that is missing, incomplete or damaged, or made by a newer program.
    """
    path = folder / _DESCRIPTION
    if not path.is_file():
        do = "give the folder that training left, as RUN/model, or one of checkpoints/"
        raise VoxJaxError(mismatch("model", f"a folder with {_DESCRIPTION}", str(folder), do))
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        version = description["format"]
        if version > _WITH_MODALITIES:
            expected, found = f"format {_WITH_MODALITIES} or older", f"{version} (by VoxJAX {description['voxjax']})"
            raise VoxJaxError(mismatch(str(path), expected, found, "install a newer VoxJAX"))
        rows = description["views"] if "views" in description else [description]
        views = tuple(_view(folder / _encoder(i), row) for i, row in enumerate(rows))
        return _trained(description, views, _weights(folder / _WEIGHTS, description["sha256"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__} {error}"
        raise VoxJaxError(mismatch(str(path), "a whole description", found, "copy the folder again")) from error


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **dict(arrays))
    return file.getvalue()


def _described(trained: Trained, weights: Mapping[str, bytes]) -> dict[str, Any]:
    rows = [_described_view(view, i, weights) for i, view in enumerate(trained.views)]
    one = len(rows) == 1  # then as older programs read it
    members = [
        {"architecture": m.architecture, "options": dict(m.options), "weight": m.weight}
        | ({} if one else {"view": m.view})
        | ({"modalities": m.modalities, "columns": dict(m.columns)} if m.modalities else {})
        for m in trained.members
    ]
    return {
        "format": _format(trained),
        "voxjax": __version__,
        "jax": jax.__version__,
        "architecture": trained.architecture,
        "options": dict(trained.options),
        "labels": list(trained.labels),
        **(rows[0] if one else {"views": rows}),
        "temperature": float(trained.temperature),
        "members": members,
        "sha256": hashlib.sha256(weights[_WEIGHTS]).hexdigest(),
        "meta": dict(trained.meta),
    }


def _format(trained: Trained) -> int:
    """The lowest that says all: older programs then read what they can."""
    if any(member.modalities for member in trained.members):
        return _WITH_MODALITIES
    if len(trained.views) > 1:
        return _WITH_VIEWS
    return _WITH_ENCODER if trained.views[0].encoder else FORMAT


def _described_view(view: View, i: int, weights: Mapping[str, bytes]) -> dict[str, Any]:
    features = {"features": thaw(view.features)}
    if view.encoder is None:
        return features
    return features | {"encoder_sha256": hashlib.sha256(weights[_encoder(i)]).hexdigest()}


def _view(path: Path, row: Mapping[str, Any]) -> View:
    features = freeze(FeatureConfig, without_other_kinds(row["features"]), "features")
    if "encoder_sha256" not in row:
        return View(features)
    return View(features, jax.tree.map(_restored, _weights(path, row["encoder_sha256"])["encoder"]))


def _architecture(name: str) -> str:
    """Today's name of an architecture."""
    return _ARCHITECTURE_NAMES[name] if name in _ARCHITECTURE_NAMES else name


def _encoder(i: int) -> str:
    """The file of the encoder of the i-th view."""
    return f"encoder{i or ''}.npz"


def _trained(description: Mapping[str, Any], views: tuple[View, ...], arrays: Mapping[str, Any]) -> Trained:
    members = []
    for i, member in enumerate(description["members"]):
        tree = arrays[str(i)]
        named = member["modalities"] if "modalities" in member else {}
        members.append(
            Member(
                architecture=_architecture(member["architecture"]),
                options=member["options"],
                weight=member["weight"],
                variables={
                    "params": jax.tree.map(_restored, tree["params"]),
                    "stats": tree["stats"] if "stats" in tree else {},
                },
                scaler=Scaler(**tree["scaler"]),
                view=member["view"] if "view" in member else 0,
                other_scalers={name: Scaler(**tree["others"][name]) for name in named},
                columns={name: tuple(names) for name, names in member["columns"].items()} if named else {},
            )
        )
    return Trained(
        architecture=_architecture(description["architecture"]),
        options=description["options"],
        labels=tuple(description["labels"]),
        views=views,
        temperature=description["temperature"],
        members=members,
        meta=description["meta"],
    )


def _weights(path: Path, sha256: str) -> dict[str, Any]:
    """The arrays as nested dictionaries, once the file is known to be the one described."""
    do = "copy the model folder again"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VoxJaxError(mismatch(str(path), "the weights", error.strerror, do)) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        found = f"{len(content)} other bytes (cut off or damaged)"
        raise VoxJaxError(mismatch(str(path), f"the weights that {_DESCRIPTION} describes", found, do))
    nested: dict[str, Any] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays.files:
            *parents, leaf = name.split("/")
            at = nested
            for parent in parents:
                at = at.setdefault(parent, {})
            at[leaf] = arrays[name]
    return nested


def _flat(members: list[Member]) -> dict[str, np.ndarray]:
    """All arrays under names as `0/params/Dense_0/kernel`; what was learned on an encoder is halved, as the encoder."""
    flat: dict[str, np.ndarray] = {}
    for i, member in enumerate(members):
        scalers = {"scaler": member.scaler._asdict()}
        if member.other_scalers:
            scalers["others"] = {name: scaler._asdict() for name, scaler in member.other_scalers.items()}
        flat |= _named(str(i), {**member.variables, **scalers})
    return {name: leaf.astype(np.float16) if f"/{TUNED}" in name else leaf for name, leaf in flat.items()}


def _named(first: str, tree: Any) -> dict[str, np.ndarray]:
    """The leaves of nested dictionaries under their path, as `first/a/b`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree, lambda node: isinstance(node, Layout))[0]
    return {"/".join([first, *(str(part.key) for part in path)]): np.asarray(leaf) for path, leaf in leaves}


def _restored(leaf: np.ndarray) -> Any:
    """An array in full precision, or an encoder's layout."""
    return Layout(leaf.item()) if leaf.dtype.kind == "U" else leaf.astype(np.float32)
