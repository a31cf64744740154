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

import voxjax
from voxjax.audio.normalize import Scaler
from voxjax.config import FeatureConfig
from voxjax.edges import files
from voxjax.encoders.layout import Layout
from voxjax.errors import VoxJaxError, mismatch
from voxjax.frozen import freeze, thaw

FORMAT = 1  # raised when older programs could not read what is written
_WITH_ENCODER = 2
_WITH_VIEWS = 3
_DESCRIPTION, _WEIGHTS = "model.json", "weights.npz"


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
    member's share of the vote, relative to the others; `view` numbers the model's views.
    """

    architecture: str
    options: Mapping[str, Any]
    weight: float
    variables: Mapping[str, Any]
    scaler: Scaler
    view: int = 0


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model, an ensemble being several members.

    `meta` is free JSON: name, corpus, protocol, figures, licence note.
    """

    architecture: str
    options: Mapping[str, Any]
    labels: tuple[str, ...]
    views: tuple[View, ...]
    temperature: float
    members: list[Member]
    meta: Mapping[str, Any]


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
        files.write(folder / name, content)
    files.write(folder / _DESCRIPTION, json.dumps(_described(trained, weights), indent=1) + "\n")


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
        if version > _WITH_VIEWS:
            found = f"{version} (by VoxJAX {description['voxjax']})"
            raise VoxJaxError(mismatch(str(path), f"format {_WITH_VIEWS} or older", found, "install a newer VoxJAX"))
        rows = description["views"] if version == _WITH_VIEWS else [description]
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
        for m in trained.members
    ]
    return {
        "format": (_WITH_ENCODER if trained.views[0].encoder else FORMAT) if one else _WITH_VIEWS,
        "voxjax": voxjax.__version__,
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


def _described_view(view: View, i: int, weights: Mapping[str, bytes]) -> dict[str, Any]:
    features = {"features": thaw(view.features)}
    if view.encoder is None:
        return features
    return features | {"encoder_sha256": hashlib.sha256(weights[_encoder(i)]).hexdigest()}


def _view(path: Path, row: Mapping[str, Any]) -> View:
    features = freeze(FeatureConfig, row["features"], "features")
    if "encoder_sha256" not in row:
        return View(features)
    return View(features, jax.tree.map(_restored, _weights(path, row["encoder_sha256"])["encoder"]))


def _encoder(i: int) -> str:
    """The file of the encoder of the i-th view."""
    return f"encoder{i or ''}.npz"


def _trained(description: Mapping[str, Any], views: tuple[View, ...], arrays: Mapping[str, Any]) -> Trained:
    members = []
    for i, member in enumerate(description["members"]):
        tree = arrays[str(i)]
        scaler = Scaler(tree["scaler"]["mean"], tree["scaler"]["std"])
        variables = {"params": tree["params"], "stats": tree["stats"] if "stats" in tree else {}}
        view = member["view"] if "view" in member else 0
        members.append(Member(member["architecture"], member["options"], member["weight"], variables, scaler, view))
    return Trained(
        architecture=description["architecture"],
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
    """All arrays under names as `0/params/Dense_0/kernel`."""
    flat: dict[str, np.ndarray] = {}
    for i, member in enumerate(members):
        flat |= _named(str(i), {**member.variables, "scaler": member.scaler._asdict()})
    return flat


def _named(first: str, tree: Any) -> dict[str, np.ndarray]:
    """The leaves of nested dictionaries under their path, as `first/a/b`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree, lambda node: isinstance(node, Layout))[0]
    return {"/".join([first, *(str(part.key) for part in path)]): np.asarray(leaf) for path, leaf in leaves}


def _restored(leaf: np.ndarray) -> Any:
    """An encoder's array in full precision, or its layout."""
    return Layout(leaf.item()) if leaf.dtype.kind == "U" else leaf.astype(np.float32)
