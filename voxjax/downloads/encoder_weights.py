"""An encoder's weights: fetched, verified, recorded, and only then put where training looks for them."""

import os
from collections.abc import Iterator
from pathlib import Path

from voxjax.config import one_of
from voxjax.downloads import corpora as corpus_downloads
from voxjax.downloads import http_files
from voxjax.downloads.http_file import Patience
from voxjax.downloads.http_files import Site
from voxjax.downloads.sources import huggingface, weights
from voxjax.downloads.sources.weights import Published
from voxjax.encoders import ENCODERS
from voxjax.errors import VoxJaxError
from voxjax.storage import paths


def place(given: str | None) -> Path:
    """The folder of weights: the one given, else `VOXJAX_WEIGHTS`, else `encoders` in the cache."""
    named = given or (os.environ["VOXJAX_WEIGHTS"] if "VOXJAX_WEIGHTS" in os.environ else "")
    return Path(named) if named else paths.cache_dir() / "encoders"


def fetch(names: str, weights_dir: Path, patience: Patience, mirror: str) -> Iterator[str]:
    """Fetches encoders' weights into folders of their usual names, going on where a broken-off run stopped.

    Args:
        names: rows of `ENCODERS`, as "whisper_tiny_en", or several joined by "+".
        weights_dir: as `place` gives it.
        mirror: base address in place of the host; "" for the host itself.

    Yields:
        Lines for the user, each as it comes true.

    Raises:
        UsageError: at an unknown name, or a mirror that is no http(s) address.
        VoxJaxError: at weights that must be got by hand, or where they can't be fetched.
    """
    http_files.refuse_mirror(mirror)
    for name in names.split("+"):
        one_of("--encoder", name, ENCODERS)
    for name in names.split("+"):
        if name not in weights.PUBLISHED:
            raise VoxJaxError(weights.instructions(name, weights_dir))
        yield from bring(name, weights.PUBLISHED[name], weights_dir, patience, mirror)


def bring(name: str, source: Published, weights_dir: Path, patience: Patience, mirror: str) -> Iterator[str]:
    """Fetches one encoder's weights from their source; arguments, lines and errors as in `fetch`."""
    file, note = ENCODERS[name].file, ENCODERS[name].note
    folder, work = weights_dir / file, weights_dir / f".{file}.download"
    yield f"{name}: {source.page}\nlicence: {note}"
    if folder.exists():
        yield f"{name}: already there, verified ({corpus_downloads.verify(name, folder)} files in {folder})"
        return
    made = huggingface.gather(Site(work, patience, mirror), source.repository, source.commit, source.files)
    corpus_downloads.settle(made, work, folder, {"encoder": name, "page": source.page, "licence": note})
    yield f"{name}: weights in {folder}; train on them with --config.features.encoder={name}\nlicence: {note}"


def listing(weights_dir: Path) -> Iterator[str]:
    """A line for each encoder: how its weights are got, and whether they are there."""
    for name, source in weights.PUBLISHED.items():
        there = "  [there]" if (weights_dir / ENCODERS[name].file / corpus_downloads.RECORD).is_file() else ""
        yield f"{name:<16} {source.size:<9} {ENCODERS[name].note}{there}"
    for name, row in weights.BY_HAND.items():
        yield f"{name:<16} {'by hand':<9} {row.why}"
