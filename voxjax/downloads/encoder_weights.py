"""Download of an encoder's weights: fetched, verified, recorded, and then moved to where training looks for them."""

from collections.abc import Iterator
from pathlib import Path

from voxjax.config import one_of
from voxjax.downloads import corpora, parallel
from voxjax.downloads.http import RetryPolicy
from voxjax.downloads.parallel import Workspace
from voxjax.downloads.sources import huggingface, weights
from voxjax.downloads.sources.weights import PublishedWeights
from voxjax.encoders import ENCODERS
from voxjax.errors import VoxJaxError
from voxjax.storage import paths


def weights_folder(given: str | None) -> Path:
    """The folder of weights: the given one, else `VOXJAX_WEIGHTS`, else `encoders` in the cache."""
    return Path(given) if given else paths.weights_dir() or paths.cache_dir() / "encoders"


def download(names: str, weights_dir: Path, policy: RetryPolicy, mirror: str) -> Iterator[str]:
    """Downloads encoders' weights into folders of their usual names; resumes an interrupted run.

    Args:
        names: rows of `ENCODERS`, as "whisper_tiny_en", or several joined by "+".
        weights_dir: as from `weights_folder`.
        mirror: base address in place of the host; "" for the host itself.

    Yields:
        Lines of progress for the user.

    Raises:
        UsageError: if a name is unknown, or the mirror is not an http(s) address.
        VoxJaxError: if weights are only available by hand, or can't be downloaded.
    """
    parallel.check_mirror(mirror)
    for name in names.split("+"):
        one_of("--encoder", name, ENCODERS)
    for name in names.split("+"):
        if name not in weights.PUBLISHED:
            raise VoxJaxError(weights.instructions(name, weights_dir))
        yield from download_encoder(name, weights.PUBLISHED[name], weights_dir, policy, mirror)


def download_encoder(
    name: str, source: PublishedWeights, weights_dir: Path, policy: RetryPolicy, mirror: str
) -> Iterator[str]:
    """Downloads one encoder's weights from their source; arguments, lines and errors as in `download`."""
    file, note = ENCODERS[name].file, ENCODERS[name].note
    folder, work = weights_dir / file, weights_dir / f".{file}.download"
    yield f"{name}: {source.page}\nlicence: {note}"
    if folder.exists():
        yield f"{name}: already there, verified ({corpora.verify(name, folder)} files in {folder})"
        return
    workspace = Workspace(work, policy, mirror)
    complete = huggingface.download(workspace, source.repository, source.commit, source.files)
    corpora.record_and_move(complete, work, folder, {"encoder": name, "page": source.page, "licence": note})
    yield f"{name}: weights in {folder}; train on them with --config.features.encoder={name}\nlicence: {note}"


def listing(weights_dir: Path) -> Iterator[str]:
    """One line per encoder: its size, its licence, and whether its weights are in `weights_dir`."""
    for name, source in weights.PUBLISHED.items():
        there = "  [there]" if (weights_dir / ENCODERS[name].file / corpora.RECORD).is_file() else ""
        yield f"{name:<16} {source.size:<9} {ENCODERS[name].note}{there}"
    for name, row in weights.BY_HAND.items():
        yield f"{name:<16} {'by hand':<9} {row.reason}"
