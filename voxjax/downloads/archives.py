"""Archives from elsewhere: opened so that nothing lands outside their folder and no disk is filled."""

import bz2
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import free_space, safe_names

_PIECE_BYTES = 1 << 20
_LEAST_BYTES = 1 << 20  # so much may come out of any archive, however small
_CLUTTER = re.compile(r"(^|/)(__MACOSX(/|$)|\.DS_Store$|\._)")  # what macOS adds
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # zip: a way of packing that Python lacks
    UnicodeDecodeError,
)
_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


class Limits(NamedTuple):
    """What no honest corpus goes beyond. PCM speech packs to a third, tables to a tenth."""

    ratio: float = 100.0  # unpacked to packed, in total
    unpacked_bytes: int = 64 << 30
    entries: int = 500_000


class _Entry(NamedTuple):
    name: str
    kind: str  # "file", "folder", or what it is that will not be made
    content: IO[bytes] | None


def unpack(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpacks a zip or tar archive. `folder` is there afterwards, whole, or not at all.

    Args:
        archive: zip, or tar, as it is or packed by gzip, bzip2 or xz: told by its bytes, not by its name.
        folder: must not be there. Made beside its place first, then renamed.

    Raises:
        VoxJaxError: at names that lead outside, links, devices, encryption, a name that comes twice, more than the
            limits, a damaged archive, or a full disk. Nothing is left behind.
    """
    beside = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        _pour(archive, beside, limits)
        os.rename(beside, folder)
    except _BROKEN as error:
        raise VoxJaxError(_damaged(archive, error)) from error
    except OSError as error:
        if error.errno is None:  # gzip and bz2 say so that the data is wrong
            raise VoxJaxError(_damaged(archive, error)) from error
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _pour(archive: Path, folder: Path, limits: Limits) -> None:
    most = min(limits.unpacked_bytes, max(int(limits.ratio * archive.stat().st_size), _LEAST_BYTES))
    entries = _zip(archive, folder, most) if zipfile.is_zipfile(archive) else _tar(archive, most)
    left = most
    for count, entry in enumerate(entries, 1):
        if count > limits.entries:
            raise VoxJaxError(_bomb(archive, f"at most {limits.entries} entries", "more"))
        if not _CLUTTER.search(entry.name):
            left -= _write(archive, entry, folder, left)


def _write(archive: Path, entry: _Entry, folder: Path, left: int) -> int:
    """Puts one entry in its place; the bytes it took."""
    path = folder / safe_names.safe_relative_path(archive.name, entry.name)
    try:
        if entry.content is None:
            _refuse_kind(archive, entry)
            path.mkdir(parents=True, exist_ok=True)
            return 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            return _copy(archive, entry.content, file, left)
    except (FileExistsError, NotADirectoryError) as error:
        found = f"'{entry.name}' twice, or as a file and a folder"
        raise VoxJaxError(_broken(archive, found)) from error


def _copy(archive: Path, content: IO[bytes], file: IO[bytes], left: int) -> int:
    took = 0
    while piece := content.read(_PIECE_BYTES):
        took += len(piece)
        if took > left:
            raise _too_much(archive)
        file.write(piece)
    return took


def _refuse_kind(archive: Path, entry: _Entry) -> None:
    if entry.kind != "folder":
        do = "it may be an attack: get it from its official host"
        raise VoxJaxError(mismatch(archive.name, "files and folders alone", f"{entry.kind} '{entry.name}'", do))


def _zip(archive: Path, folder: Path, most: int) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as opened:
        declared = sum(info.file_size for info in opened.infolist())
        if declared > most:
            raise _too_much(archive)
        free_space.check_free_space(folder, declared, f"unpacking {archive.name}")
        for info in opened.infolist():
            kind = _zip_kind(info)
            if kind != "file":
                yield _Entry(info.filename, kind, None)
                continue
            with opened.open(info) as content:  # raises at a wrong CRC-32
                yield _Entry(info.filename, kind, content)


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16  # 0 where the maker was no Unix
    if info.flag_bits & 1:
        return "the encrypted file"
    if info.is_dir():
        return "folder"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "the link or device"


def _tar(archive: Path, most: int) -> Iterator[_Entry]:
    with archive.open("rb") as raw:
        start = raw.read(2)
    opener = _COMPRESSED[start] if start in _COMPRESSED else open
    with opener(archive, "rb") as plain:
        metered = _Metered(archive, plain, most)
        with tarfile.open(fileobj=metered, mode="r|") as opened:
            for member in opened:
                kind = "file" if member.isreg() else "folder" if member.isdir() else "the link or device"
                yield _Entry(member.name, kind, opened.extractfile(member) if kind == "file" else None)
        while metered.read(_PIECE_BYTES):  # to the end, where gzip and its like keep their checksum
            pass


class _Metered(io.RawIOBase):
    """Reads on until too much has come out, headers and skipped parts included."""

    def __init__(self, archive: Path, plain: IO[bytes], most: int) -> None:
        super().__init__()
        self._archive, self._plain, self._left = archive, plain, most + _LEAST_BYTES  # headers and padding

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._plain.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(piece)
        if self._left < 0:
            raise _too_much(self._archive)
        return piece


def _too_much(archive: Path) -> VoxJaxError:
    size = free_space.megabytes(archive.stat().st_size)
    return VoxJaxError(_bomb(archive, "speech, which packs to a third or so", f"far more than fits into {size}"))


def _bomb(archive: Path, expected: str, found: str) -> str:
    return mismatch(archive.name, expected, found, "it may be an attack: get it from its official host")


def _damaged(archive: Path, error: Exception) -> str:
    return _broken(archive, f"damage ({' '.join(str(error).split())[:120]})")


def _broken(archive: Path, found: str) -> str:
    return mismatch(archive.name, "a whole zip or tar archive", found, f"remove {archive} and run again")
