"""Migration of `model.json` from older formats to the current one."""

from collections.abc import Mapping
from typing import Any

from voxjax.config import without_other_kinds
from voxjax.config_schema import Plain

FORMAT = 8  # of `model.json`; increased when older versions of VoxJAX can't read a new file

_BEFORE_7 = {"identity_sha256": None, "density_sha256": None, "arrays": ".npz"}
_OPTIONS_OF_8 = {"lda": {"nuisance": 0.0, "priors": "clips"}}  # what older models were fitted with
_ARCHITECTURES = {"discriminant": "lda"}  # renamed in format 5
_META = {"heard": "training_clips"}  # renamed in format 5
_ARRAYS = {"others": "modality_scalers"}  # renamed in format 5


def migrated(description: Plain) -> dict[str, Any]:
    """The content of a `model.json` in the current format; content in the current format is unchanged.

    Formats 1 to 4 differ in what they can hold: 2 added an encoder, 3 several feature sets, 4 further modalities.
    A model with one feature set had its features at the top level. Format 5 renamed `views`, `view` and `heard`,
    and keeps only the fields of the kind of features that is used. Format 6 added the identity and the density of the
    training clips. Format 7 has its arrays as safetensors; those of older formats are NumPy archives. Format 8 added
    options of discriminants, levels of active speech, and features of several encoders.

    Args:
        description: of format 1 to `FORMAT`.

    Raises:
        KeyError: at a missing key.
    """
    new = {**(_BEFORE_7 if description["format"] < 7 else {}), **description}
    new = new if new["format"] >= 5 else _renamed_fields(new)
    if description["format"] < 8:
        members = [_with_options(member) for member in new["members"]]
        top = members[0]["options"] if members and new["options"] else new["options"]
        new = {**new, "members": members, "options": top}
    return {**new, "format": FORMAT}


def _with_options(member: Plain) -> dict[str, Any]:
    """A member of an older format with the options that its architecture has now."""
    added = _OPTIONS_OF_8.get(member["architecture"], {})
    return {**member, "options": {**added, **member["options"]}}


def _renamed_fields(new: dict[str, Any]) -> dict[str, Any]:
    """A description of format 1 to 4 with the names of format 5."""
    rows = new.pop("views") if "views" in new else [_pop(new, "features", "encoder_sha256")]
    new["feature_sets"] = [{**row, "features": without_other_kinds(row["features"])} for row in rows]
    new["architecture"] = _renamed(_ARCHITECTURES, new["architecture"])
    new["members"] = [_member(member) for member in new["members"]]
    new["meta"] = {_renamed(_META, key): value for key, value in new["meta"].items()}
    return new


def array_name(name: str) -> str:
    """The current name of an array in the weights, such as `0/scaler/mean`."""
    return "/".join(_renamed(_ARRAYS, part) for part in name.split("/"))


def _member(member: Plain) -> dict[str, Any]:
    new = {"modalities": {}, "columns": {}, **member}
    new["feature_set"] = new.pop("view") if "view" in new else 0
    new["architecture"] = _renamed(_ARCHITECTURES, new["architecture"])
    return new


def _pop(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: values.pop(key) for key in keys if key in values}


def _renamed(table: Mapping[str, str], name: str) -> str:
    return table[name] if name in table else name
