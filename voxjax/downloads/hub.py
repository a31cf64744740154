"""Trained models from a model hub: `hf://OWNER/NAME[/FOLDER][@REVISION]` as a folder on disk.

`huggingface_hub` downloads and caches, and takes its settings from its own environment variables (`HF_ENDPOINT`,
`HF_TOKEN`, `HF_HOME`, `HF_HUB_OFFLINE`). Only the files of a model folder are downloaded, no more bytes than the hub
lists, and each is compared with the checksum that it lists: the library itself compares sizes.
"""

import fnmatch
import importlib.util
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.storage import checksum
from voxjax.storage.checksum import Checksum
from voxjax.storage.paths import AnyPath, locate

SCHEME = "hf://"
_FILES = (
    "model.json",
    *(f"{n}.{s}" for n in ("weights", "encoder*", "density") for s in ("safetensors", "npz")),
    "identity.npz",
    "README.md",
)
_SLACK_BYTES = 1 << 20  # of what the library counts twice, where it begins a file again
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

    disable_progress_bars()  # of the library: they are drawn where there is no terminal too
    prefix = f"{model.folder}/" if model.folder else ""
    try:
        listed = _listed(where, prefix, model)
        wanted = [prefix + name for name in _FILES]
        limit_bytes = sum(one.size or 0 for one in listed)
        cached = huggingface_hub.snapshot_download(
            model.repository,
            revision=model.revision,
            allow_patterns=wanted,
            **({"tqdm_class": _limit(where, limit_bytes)} if listed else {}),
        )
        _compare(where, Path(cached), listed)
    except VoxJaxError:
        raise
    except Exception as error:  # of the hub, of HTTP, of the network and of the disk
        raise VoxJaxError(_reason(where, model, error)) from error
    return Path(cached) / model.folder


def _listed(where: str, prefix: str, model: HubModel) -> list[Any]:
    """The model's files as the hub lists them, with size and checksum; none where there is no network.

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
        return []
    files = list(found.siblings or ())
    names = [one.rfilename for one in files]
    if f"{prefix}model.json" not in names:
        do = "name a model that VoxJAX trained; models of other toolkits are not read"
        raise VoxJaxError(mismatch(where, f"{prefix}model.json", ", ".join(sorted(names)[:5]) or "no files", do))
    own = [one for one in files if any(fnmatch.fnmatchcase(one.rfilename, prefix + pattern) for pattern in _FILES)]
    total = sum(one.size or 0 for one in own)
    if total > _MAX_BYTES:
        expected = f"a model of at most {_MAX_BYTES / 2**30:.0f} GiB"
        raise VoxJaxError(mismatch(where, expected, f"{total / 2**30:.1f} GiB", "choose a smaller model"))
    return own


def _limit(where: str, limit_bytes: int) -> Any:
    """A progress bar that is not drawn, and ends a download that is longer than the hub said."""
    from huggingface_hub.utils import tqdm

    class Limit(tqdm):  # type: ignore[misc,valid-type,unused-ignore]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.counts_bytes, self.counted = "unit" in options and options["unit"] == "B", 0.0

        def update(self, n: float | None = 1) -> Any:
            if self.counts_bytes:
                self.counted += n or 0
                if self.counted > limit_bytes + _SLACK_BYTES:
                    raise VoxJaxError(mismatch(where, f"{limit_bytes} bytes", "more", "do not use this hub"))
            return super().update(n)

    return Limit


def _compare(where: str, folder: Path, listed: list[Any]) -> None:
    """Compares files with the hub's list.

    Raises:
        VoxJaxError: if one differs; it is removed.
    """
    for one in listed:
        path = folder / one.rfilename
        expected = Checksum("sha256", one.lfs.sha256) if one.lfs else Checksum("git", one.blob_id or "")
        wrong = checksum.difference(path, one.size, expected) if path.is_file() else ("the file", "none")
        if wrong:
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            do = "it was changed on its way, or just now: run again"
            raise VoxJaxError(mismatch(f"{where} {one.rfilename}", *wrong, do))


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
