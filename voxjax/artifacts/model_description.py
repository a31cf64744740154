"""The description in a model folder, `model.json`: read as a stranger's, each value checked before it is used."""

import collections.abc
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from voxjax import models
from voxjax.artifacts import model_meta
from voxjax.artifacts.array_files import OLD_SUFFIX, SUFFIX
from voxjax.artifacts.migration import FORMAT, migrated
from voxjax.config import FeatureConfig, in_range, one_of
from voxjax.config_schema import Plain, dotted, freeze, thaw
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.modalities import MODALITIES
from voxjax.storage import bounded_file, sealed_json, strict_json
from voxjax.storage.paths import AnyPath

NAME = "model.json"
_LARGEST = 2**26  # bytes: training clips take 70 each
_COMPLETE = 7  # format from which on no field of features and no option is left to its default
_MOST_LABELS, _LONGEST_LABEL = 1_000, 200
_MOST_MEMBERS, _MOST_FEATURE_SETS = 256, 64
_MOST_CHANNELS = 65_536  # of a modality
_TEMPERATURE = (1e-3, 1e3)  # fits lie between 0.05 and 20
_MOST_WEIGHT = 1e9  # of a member in the vote
_HASH_LETTERS = 64

_NUMBER = (int, float)
_OPTIONAL = (str, type(None))
_KEYS: Mapping[str, Any] = {
    "format": int, "voxjax": str, "jax": str, "architecture": str, "options": dict, "labels": list, "arrays": str,
    "feature_sets": list, "temperature": _NUMBER, "members": list, "sha256": str, "identity_sha256": _OPTIONAL,
    "density_sha256": _OPTIONAL, "meta": dict,
}  # fmt: skip
_MEMBER: Mapping[str, Any] = {
    "architecture": str, "options": dict, "weight": _NUMBER, "feature_set": int, "modalities": dict, "columns": dict,
}  # fmt: skip


def read(path: AnyPath) -> dict[str, Any]:
    """The description in a file, in the current format, with each value checked.

    Raises:
        VoxJaxError: at a file that is missing, no regular one, too large or not whole, or made by a newer program.
    """
    content = bounded_file.read(path, "a description", _LARGEST, "copy the folder again")
    try:
        description = strict_json.parsed(content)
        if not isinstance(description, dict) or type(description["format"]) is not int:
            raise TypeError("no object with a format")
        if description["format"] > FORMAT:
            expected, found = (
                f"format {FORMAT} or older",
                f"{description['format']} (by VoxJAX {description['voxjax']})",
            )
            raise VoxJaxError(mismatch(str(path), expected, found, "install a newer VoxJAX"))
        in_range("format", description["format"], 1, FORMAT)
        description, _ = sealed_json.opened(description)  # of which that of an older VoxJAX has none
        new = migrated(description)
        _check(new)
        if description["format"] >= _COMPLETE:
            _check_complete(new)
        new = _completed(new)
    except UsageError as error:
        raise VoxJaxError(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__} {error}"[:300]
        raise VoxJaxError(mismatch(str(path), "a whole description", found, "copy the folder again")) from error
    return new


def _check(new: Plain) -> None:
    """Checks all values but those of options and features that only their classes know."""
    _check_keys("", new, _KEYS)
    one_of("arrays", new["arrays"], (SUFFIX, OLD_SUFFIX))
    _check_labels(new["labels"])
    in_range("temperature", new["temperature"], *_TEMPERATURE)
    for key in ("sha256", "identity_sha256", "density_sha256"):
        _check_hash(key, new[key])
    in_range("number of feature sets", len(new["feature_sets"]), 1, _MOST_FEATURE_SETS)
    in_range("number of members", len(new["members"]), 1, _MOST_MEMBERS)
    configs = [_features(i, row) for i, row in enumerate(new["feature_sets"])]
    if len({one.sample_rate_hz for one in configs}) > 1:
        raise _unexpected("sample rates of feature sets", "one", [one.sample_rate_hz for one in configs])
    for i, member in enumerate(new["members"]):
        _check_member(f"members[{i}]", member, len(configs))
    unused = set(range(len(configs))) - {member["feature_set"] for member in new["members"]}
    if unused:
        raise _unexpected("feature sets", "each used by a member", f"number {min(unused)} of none")
    if not math.fsum(member["weight"] for member in new["members"]) > 0:
        raise _unexpected("weights of members", "not all 0", "0")
    _check_top(new)
    model_meta.check(new["meta"])


def _check_top(new: Plain) -> None:
    """Checks the architecture of the whole, which repeats that of the members, or is `ensemble`."""
    one_of("architecture", new["architecture"], {"ensemble", *(member["architecture"] for member in new["members"])})
    if new["options"] and new["options"] != new["members"][0]["options"]:
        raise _unexpected("options", "those of the first member", new["options"])


def _features(i: int, row: Any) -> FeatureConfig:
    what = f"feature_sets[{i}]"
    if not isinstance(row, dict) or not {"features"} <= row.keys() <= {"features", "encoder_sha256"}:
        raise _unexpected(what, "features and the hash of an encoder", row)
    if not isinstance(row["features"], dict):
        raise _unexpected(f"{what}.features", "an object", row["features"])
    config: FeatureConfig = freeze(FeatureConfig, row["features"], "features")
    if bool(config.by_encoder) != ("encoder_sha256" in row):
        raise _unexpected(what, "an encoder where features are of one, else none", ", ".join(row))
    if "encoder_sha256" in row:
        _check_hash(f"{what}.encoder_sha256", row["encoder_sha256"] or "")
    return config


def _check_member(what: str, member: Any, feature_sets: int) -> None:
    if not isinstance(member, dict):
        raise _unexpected(what, "an object", member)
    _check_keys(f"{what}.", member, _MEMBER)
    in_range(f"{what}.weight", member["weight"], 0.0, _MOST_WEIGHT)
    in_range(f"{what}.feature_set", member["feature_set"], 0, feature_sets - 1)
    fused = models.fused_modalities(models.options(member["architecture"], member["options"]))
    if set(fused) != member["modalities"].keys():
        raise _unexpected(f"{what}.modalities", ", ".join(fused) or "none", ", ".join(member["modalities"]) or "none")
    for name, size in member["modalities"].items():
        one_of(f"{what}.modalities", name, MODALITIES)
        if type(size) is not int:
            raise _unexpected(f"{what}.modalities.{name}", "a number of channels", size)
        in_range(f"{what}.modalities.{name}", size, 1, _MOST_CHANNELS)
    for name, columns in member["columns"].items():
        size = member["modalities"][name] if name in member["modalities"] else 0
        if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns) or len(columns) != size:
            raise _unexpected(f"{what}.columns.{name:.40}", f"{size} names", columns)


def _completed(new: Plain) -> dict[str, Any]:
    """The description with all options and fields of features, as JSON holds them."""
    sets = [
        {**row, "features": thaw(freeze(FeatureConfig, row["features"], "features"))} for row in new["feature_sets"]
    ]
    members = [{**one, "options": models.options(one["architecture"], one["options"])} for one in new["members"]]
    top = members[0]["options"] if new["options"] else {}
    plain: dict[str, Any] = json.loads(json.dumps({"options": top, "feature_sets": sets, "members": members}))
    return {**new, **plain}


def _check_complete(new: Plain) -> None:
    """Checks that features and options have all their fields: a default would be another model without an error."""
    pairs = [(row["features"], thaw(freeze(FeatureConfig, row["features"], "features"))) for row in new["feature_sets"]]
    pairs += [(one["options"], models.options(one["architecture"], one["options"])) for one in new["members"]]
    for given, whole in pairs:
        missing = dotted(whole).keys() - dotted(given).keys()
        if missing:
            raise _unexpected("features and options", "all their fields", f"no {min(missing)}")


def _check_labels(labels: Sequence[Any]) -> None:
    in_range("number of labels", len(labels), 2, _MOST_LABELS)
    for label in labels:
        if not isinstance(label, str) or not 0 < len(label) <= _LONGEST_LABEL or not label.isprintable():
            raise _unexpected("labels", f"printable texts of at most {_LONGEST_LABEL} letters", label)
        if not label.strip():
            raise _unexpected("labels", "names", label)
    if len(set(labels)) < len(labels):
        raise _unexpected("labels", "each once", labels)


def _check_keys(prefix: str, values: Plain, known: Mapping[str, Any]) -> None:
    for key, kind in known.items():
        value = values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _unexpected(f"{prefix}{key}", _kind_name(kind), value)
    for key in values:
        if key not in known:
            raise _unexpected(f"{prefix}{key:.40}", "no such key", values[key])


def _check_hash(key: str, value: str | None) -> None:
    if value is not None and (len(value) != _HASH_LETTERS or not set(value) <= set("0123456789abcdef")):
        raise _unexpected(key, "a SHA-256 in hexadecimal", value)


def _kind_name(kind: Any) -> str:
    kinds = kind if isinstance(kind, collections.abc.Sequence) else (kind,)
    return " or ".join(one.__name__ for one in kinds)


def _unexpected(what: str, expected: str, found: object) -> UsageError:
    return UsageError(mismatch(what, expected, f"{found!r:.80}", "get the model again from where it was published"))
