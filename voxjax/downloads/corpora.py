"""A whole corpus: fetched, counted, recorded, and only then put in its place."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from voxjax.config import one_of
from voxjax.data.corpora import GENERATED
from voxjax.downloads import http_files, sources
from voxjax.downloads.http_file import Patience
from voxjax.downloads.http_files import Site
from voxjax.downloads.sources import Source, by_hand
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import atomic, checksum
from voxjax.version import __version__

MADE = "is made on the spot, not fetched: any command makes it where it is asked for, as scripts/train.py"
RECORD = "download.json"


def download(names: str, data_dir: Path, patience: Patience, mirror: str) -> Iterator[str]:
    """Fetches corpora into `data_dir/NAME`, going on where a broken-off run stopped.

    Args:
        names: as "ravdess", or several joined by "+".
        mirror: base address in place of the hosts; "" for the hosts themselves.

    Yields:
        Lines for the user, each as it comes true.

    Raises:
        UsageError: at an unknown name, or a mirror that is no http(s) address.
        VoxJaxError: at a corpus that may not be fetched, or where it can't be.
    """
    http_files.refuse_mirror(mirror)
    for name in names.split("+"):
        one_of("--corpus", name, (*GENERATED, *sources.SOURCES, *by_hand.BY_HAND))
    for name in names.split("+"):
        yield from _one(name, data_dir, patience, mirror)


def _one(name: str, data_dir: Path, patience: Patience, mirror: str) -> Iterator[str]:
    if name in by_hand.BY_HAND:
        raise VoxJaxError(by_hand.instructions(name))
    if name not in sources.SOURCES:
        yield f"{name} {MADE}"
        return
    yield from bring(name, sources.SOURCES[name], data_dir, patience, mirror)


def bring(name: str, source: Source, data_dir: Path, patience: Patience, mirror: str) -> Iterator[str]:
    """Fetches one corpus from its source; arguments, lines and errors as in `download`."""
    folder, work = data_dir / name, data_dir / f".{name}.download"
    yield f"{name}: {source.page}\nlicence: {source.licence}"
    if folder.exists():
        yield f"{name}: already there, verified ({verify(name, folder)} files in {folder})"
        return
    made = _gathered(source, Site(work, patience, mirror))
    count = _refuse_other_count(name, source, made)
    settle(made, work, folder, {"corpus": name, "page": source.page, "licence": source.licence})
    yield f"{name}: {count} clips in {folder}\nlicence: {source.licence}"


def verify(name: str, folder: Path) -> int:
    """Holds a folder against the record that was written when it was fetched.

    Returns:
        Number of files.

    Raises:
        VoxJaxError: without a record, or where files are missing or were changed.
    """
    if not (folder / RECORD).is_file():
        do = "use it as it is, or move it away to fetch it anew"
        raise VoxJaxError(mismatch(name, f"no {folder}, or one that was fetched by this command", "another", do))
    known = json.loads((folder / RECORD).read_text())["files"]
    wrong = [path for path, row in known.items() if not _is_same(folder / path, row)]
    if wrong:
        found = f"{len(wrong)} missing or changed, as {', '.join(wrong[:3])}"
        do = f"remove {folder} and run again"
        raise VoxJaxError(mismatch(str(folder), f"the {len(known)} files that were fetched", found, do))
    return len(known)


def settle(made: Path, work: Path, folder: Path, about: dict[str, str]) -> None:
    """Writes down what was fetched, for `verify`, and puts it in its place.

    Args:
        made: what was fetched, whole and verified, below `work`.
        work: of the fetching; it is removed.
        folder: where it belongs.
        about: what it is, where from, and on what terms.
    """
    paths = sorted(path for path in made.rglob("*") if path.is_file())
    rows = {path.relative_to(made).as_posix(): _row(path) for path in paths}
    record = {**about, "voxjax": __version__, "files": rows}
    atomic.write(made / RECORD, json.dumps(record, indent=1) + "\n")
    os.rename(made, folder)
    shutil.rmtree(work)


def listing(data_dir: Path) -> Iterator[str]:
    """A line for each corpus: how it is got, and whether it is there."""
    yield from (f"{name:<8} {'made on the spot':<17} Apache-2.0" for name in GENERATED)
    for name, source in sources.SOURCES.items():
        there = "  [there]" if (data_dir / name / RECORD).is_file() else ""
        yield f"{name:<8} {source.size:<17} {source.licence}{there}"
    for name, row in by_hand.BY_HAND.items():
        yield f"{name:<8} {'by hand':<17} {row.why}"


def _gathered(source: Source, site: Site) -> Path:
    site.folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(site.folder / "unpacked", ignore_errors=True)  # from a run that was broken off
    return source.gather(site)


def _refuse_other_count(name: str, source: Source, folder: Path) -> int:
    count = sum(path.suffix.lower() == ".wav" for path in folder.rglob("*"))
    if count != source.clips:
        do = f"its host changed it: see {source.page}"
        raise VoxJaxError(mismatch(name, f"{source.clips} WAV files", count, do))
    return count


def _row(path: Path) -> dict[str, object]:
    return {"bytes": path.stat().st_size, "sha256": checksum.digest(path, "sha256")}


def _is_same(path: Path, row: dict[str, object]) -> bool:
    return path.is_file() and _row(path) == row
