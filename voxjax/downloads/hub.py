"""Trained models from a model hub: `hf://OWNER/NAME[/FOLDER][@REVISION]` as a folder on disk.

`huggingface_hub` downloads and caches, and takes its settings from its own environment variables (`HF_ENDPOINT`,
`HF_TOKEN`, `HF_HOME`, `HF_HUB_OFFLINE`). Only the files of a model folder are downloaded.
"""

import fnmatch
import importlib.util
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.storage.paths import AnyPath, locate

SCHEME = "hf://"
_FILES = (
    "model.json",
    *(f"{n}.{s}" for n in ("weights", "encoder*", "density") for s in ("safetensors", "npz")),
    "identity.npz",
    "README.md",
)
_MAX_BYTES = 2 * 2**30  # of a model: an encoder of a billion weights in half precision
_NAME = r"[A-Za-z0-9][\w.-]*"
_ADDRESS = re.compile(rf"hf://(?P<repository>{_NAME}/{_NAME})(?P<folder>(?:/{_NAME})*)/?(?:@(?P<revision>[\w./-]+))?")


class HubModel(NamedTuple):
    """A model on a hub."""

    repository: str  # "OWNER/NAME"
    folder: str  # of the model in the repository, "" at its top
    revision: str | None  # branch, tag or commit; None is the default branch


def model_path(given: str | os.PathLike[str]) -> AnyPath:
    """The model folder that a user named, downloaded where it lies on a hub.

    Args:
        given: a folder on disk, `gs://BUCKET/FOLDER`, or `hf://OWNER/NAME[/FOLDER][@REVISION]`.

    Raises:
        UsageError: at an address that is none of these, or where the package for hubs is not installed.
        VoxJaxError: at a hub that is not reached or refuses, and a repository without a model of VoxJAX.
    """
    text = os.fspath(given)
    return download(parsed(text)) if text.startswith(SCHEME) else locate(given)


def parsed(address: str) -> HubModel:
    """The parts of an address.

    Raises:
        UsageError: at an address of another form.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        expected = "hf://OWNER/NAME, with /FOLDER or @REVISION after it where needed"
        raise UsageError(mismatch("model", expected, address, "check the address"))
    return HubModel(found["repository"], found["folder"].strip("/"), found["revision"])


def download(model: HubModel) -> Path:
    """The model's folder in the cache of the hub's library; files that it holds already are not downloaded again.

    Raises:
        UsageError: where the package for hubs is not installed.
        VoxJaxError: as `model_path`.
    """
    where = SCHEME + model.repository + (f"/{model.folder}" if model.folder else "")
    if importlib.util.find_spec("huggingface_hub") is None:
        do = "pip install 'voxjax[hub]'"
        raise UsageError(mismatch(where, "the package that reads hf://", "no huggingface_hub", do))
    import huggingface_hub
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()  # they are drawn where there is no terminal too
    prefix = f"{model.folder}/" if model.folder else ""
    try:
        _check(where, prefix, model)
        wanted = [prefix + name for name in _FILES]
        cached = huggingface_hub.snapshot_download(model.repository, revision=model.revision, allow_patterns=wanted)
    except VoxJaxError:
        raise
    except Exception as error:  # of the hub, of HTTP, of the network and of the disk
        raise VoxJaxError(_reason(where, model, error)) from error
    return Path(cached) / model.folder


def _check(where: str, prefix: str, model: HubModel) -> None:
    """Checks, where there is a network, that a model of VoxJAX is there and not too large.

    Raises:
        VoxJaxError: at a repository without a model of VoxJAX, or one that is too large.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = huggingface_hub.HfApi().model_info(model.repository, revision=model.revision, files_metadata=True)
    except HfHubHTTPError:
        raise
    except Exception:  # no network: what was downloaded before may do
        return
    sizes: dict[str, Any] = {one.rfilename: one.size for one in found.siblings or ()}
    if f"{prefix}model.json" not in sizes:
        files = ", ".join(sorted(sizes)[:5]) or "no files"
        do = "name a model that VoxJAX trained; models of other toolkits are not read"
        raise VoxJaxError(mismatch(where, f"{prefix}model.json", files, do))
    own = [name for name in sizes if any(fnmatch.fnmatchcase(name, prefix + pattern) for pattern in _FILES)]
    total = sum(sizes[name] or 0 for name in own)
    if total > _MAX_BYTES:
        expected = f"a model of at most {_MAX_BYTES / 2**30:.0f} GiB"
        raise VoxJaxError(mismatch(where, expected, f"{total / 2**30:.1f} GiB", "choose a smaller model"))


def _reason(where: str, model: HubModel, error: Exception) -> str:
    """One line about what went wrong, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        do = "accept its terms on its page, then log in (hf auth login)"
        return mismatch(where, "a model that may be read", "one whose terms must be accepted first", do)
    if isinstance(error, errors.RepositoryNotFoundError):
        do = "check the name; for a private model log in (hf auth login)"
        return mismatch(where, "a model on the hub", "no such repository, or a private one", do)
    if isinstance(error, errors.RevisionNotFoundError):
        return mismatch(where, f"revision {model.revision}", "no such branch, tag or commit", "check the name")
    if isinstance(error, errors.LocalEntryNotFoundError):
        do = "connect once, and it is kept for later; or unset HF_HUB_OFFLINE"
        return mismatch(where, "the model in the local cache, or a network", "neither", do)
    if isinstance(error, errors.HfHubHTTPError):
        found = " ".join(str(error).split())[:160]
        return mismatch(where, "an answer of the hub", found, "try later")
    found = " ".join(f"{type(error).__name__} {error}".split())[:160]
    do = "check the network, or copy the model's folder here and name that (--model=DIR)"
    return mismatch(where, "a connection to the hub", found, do)
