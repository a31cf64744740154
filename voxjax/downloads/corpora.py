"""Download of a complete corpus: fetched, counted, recorded, and then moved to its folder."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from voxjax.config import one_of
from voxjax.data.corpora import GENERATED
from voxjax.downloads import parallel, sources
from voxjax.downloads.http import RetryPolicy
from voxjax.downloads.parallel import Workspace
from voxjax.downloads.sources import Source, by_hand
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import download_record
from voxjax.version import __version__

GENERATED_NOTE = "is generated, not downloaded: any command makes it when it is first used, as scripts/train.py"
RECORD = download_record.NAME


def download(names: str, data_dir: Path, policy: RetryPolicy, mirror: str) -> Iterator[str]:
    """Downloads corpora into `data_dir/NAME`; resumes an interrupted run.

    Args:
        names: as "ravdess", or several joined by "+".
        mirror: base address in place of the hosts; "" for the hosts themselves.

    Yields:
        Lines of progress for the user.

    Raises:
        UsageError: if a name is unknown, or the mirror is not an http(s) address.
        VoxJaxError: if a corpus is only available by hand, or can't be downloaded.
    """
    parallel.check_mirror(mirror)
    for name in names.split("+"):
        one_of("--corpus", name, (*GENERATED, *sources.SOURCES, *by_hand.BY_HAND))
    for name in names.split("+"):
        if name in by_hand.BY_HAND:
            raise VoxJaxError(by_hand.instructions(name))
        if name in GENERATED:
            yield f"{name} {GENERATED_NOTE}"
        else:
            yield from download_corpus(name, sources.SOURCES[name], data_dir, policy, mirror)


def download_corpus(name: str, source: Source, data_dir: Path, policy: RetryPolicy, mirror: str) -> Iterator[str]:
    """Downloads one corpus from its source; arguments, lines and errors as in `download`."""
    folder, work = data_dir / name, data_dir / f".{name}.download"
    yield f"{name}: {source.page}\nlicence: {source.licence}"
    if folder.exists():
        yield f"{name}: already there, verified ({verify(name, folder)} files in {folder})"
        return
    work.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work / "unpacked", ignore_errors=True)  # from an interrupted run
    complete = source.download(Workspace(work, policy, mirror))
    count = _check_clip_count(name, source, complete)
    record_and_move(complete, work, folder, {"corpus": name, "page": source.page, "licence": source.licence})
    yield f"{name}: {count} clips in {folder}\nlicence: {source.licence}"


def verify(name: str, folder: Path) -> int:
    """Compares a folder with the record that was written when it was downloaded.

    Returns:
        Number of files.

    Raises:
        VoxJaxError: if there is no record, or if files are missing or were changed.
    """
    known = download_record.read(folder)
    if known is None:
        do = "use it as it is, or move it away to fetch it anew"
        raise VoxJaxError(mismatch(name, f"no {folder}, or one that was fetched by this command", "another", do))
    download_record.check(folder, {}, f"remove {folder} and run again")
    return len(known)


def record_and_move(complete: Path, work: Path, folder: Path, about: dict[str, str]) -> None:
    """Writes the record that `verify` reads, and moves a complete download to its folder.

    Args:
        complete: what was downloaded and verified, below `work`.
        work: the folder of the download, which is removed.
        folder: of the complete corpus.
        about: name, page and licence, for the record.
    """
    download_record.write(complete, {**about, "voxjax": __version__})
    os.rename(complete, folder)
    shutil.rmtree(work)


def listing(data_dir: Path) -> Iterator[str]:
    """One line per corpus: its size, its licence, and whether it is in `data_dir`."""
    yield from (f"{name:<8} {'generated':<17} Apache-2.0" for name in GENERATED)
    for name, source in sources.SOURCES.items():
        there = "  [there]" if (data_dir / name / RECORD).is_file() else ""
        yield f"{name:<8} {source.size:<17} {source.licence}{there}"
    for name, row in by_hand.BY_HAND.items():
        yield f"{name:<8} {'by hand':<17} {row.reason}"


def _check_clip_count(name: str, source: Source, folder: Path) -> int:
    count = sum(path.suffix.lower() == ".wav" for path in folder.rglob("*"))
    if count != source.clips:
        do = f"its host changed it: see {source.page}"
        raise VoxJaxError(mismatch(name, f"{source.clips} WAV files", count, do))
    return count
