"""Unpacking of untrusted archives: nothing is written outside their folder, and they can't fill the disk."""

import bz2
import errno
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import free_space, safe_names

_CHUNK_BYTES = 1 << 20
_ALWAYS_ALLOWED_BYTES = 1 << 20  # unpacked size that is allowed for any archive
_MACOS_FILES = re.compile(r"(^|/)(__MACOSX(/|$)|\.DS_Store$|\._)")
_DAMAGE_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # zip: a compression that Python lacks
    ValueError,  # text that is not UTF-8 is one
    OverflowError,
    IndexError,  # zip: an empty name
    struct.error,
)
_DECOMPRESSORS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


class Limits(NamedTuple):
    """Limits that no real corpus reaches. PCM speech compresses to a third, tables to a tenth."""

    ratio: float = 100.0  # unpacked to packed, in total
    unpacked_bytes: int = 64 << 30
    entries: int = 500_000


class _Entry(NamedTuple):
    name: str
    type: str  # "file", "folder", or a description of what is not unpacked
    content: IO[bytes] | None


def unpack(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpacks a zip or tar archive atomically.

    Args:
        archive: zip, or tar, plain or compressed by gzip, bzip2 or xz; recognised by its content, not by its name.
        folder: must not exist. Its content is unpacked into a temporary folder, which is then renamed.

    Raises:
        VoxJaxError: at names that lead outside, links, devices, encryption, duplicate names, more than the limits, a
            damaged archive, or a full disk. Nothing is left behind.
    """
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        _unpack(archive, temporary, limits)
        os.rename(temporary, folder)
    except _DAMAGE_ERRORS as error:
        raise VoxJaxError(_damaged(archive, error)) from error
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # gzip and bz2 raise it for wrong data, zip for a place before the file
            raise VoxJaxError(_damaged(archive, error)) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack(archive: Path, folder: Path, limits: Limits) -> None:
    limit = min(limits.unpacked_bytes, max(int(limits.ratio * archive.stat().st_size), _ALWAYS_ALLOWED_BYTES))
    entries = _zip(archive, folder, limit) if zipfile.is_zipfile(archive) else _tar(archive, limit)
    left = limit
    for count, entry in enumerate(entries, 1):
        if count > limits.entries:
            raise VoxJaxError(_bomb(archive, f"at most {limits.entries} entries", "more"))
        if not _MACOS_FILES.search(entry.name):
            left -= _write(archive, entry, folder, left)


def _write(archive: Path, entry: _Entry, folder: Path, left: int) -> int:
    """Writes one entry; returns its size in bytes."""
    path = folder / safe_names.safe_relative_path(archive.name, entry.name)
    try:
        if entry.content is None:
            _check_is_folder(archive, entry)
            path.mkdir(parents=True, exist_ok=True)
            return 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            return _copy(archive, entry.content, file, left)
    except (FileExistsError, NotADirectoryError) as error:
        found = f"'{entry.name}' twice, or as a file and a folder"
        raise VoxJaxError(_broken(archive, found)) from error


def _copy(archive: Path, content: IO[bytes], file: IO[bytes], left: int) -> int:
    size_bytes = 0
    while chunk := content.read(_CHUNK_BYTES):
        size_bytes += len(chunk)
        if size_bytes > left:
            raise _too_much(archive)
        file.write(chunk)
    return size_bytes


def _check_is_folder(archive: Path, entry: _Entry) -> None:
    if entry.type != "folder":
        do = "it may be an attack: get it from its official host"
        raise VoxJaxError(mismatch(archive.name, "only files and folders", f"{entry.type} '{entry.name}'", do))


def _zip(archive: Path, folder: Path, limit: int) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as opened:
        declared = sum(info.file_size for info in opened.infolist())
        if declared > limit:
            raise _too_much(archive)
        free_space.check_free_space(folder, declared, f"unpacking {archive.name}")
        for info in opened.infolist():
            entry_type = _zip_type(info)
            if entry_type != "file":
                yield _Entry(info.filename, entry_type, None)
                continue
            with opened.open(info) as content:  # raises at a wrong CRC-32
                yield _Entry(info.filename, entry_type, content)


def _zip_type(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16  # 0 if it was not made on Unix
    if info.flag_bits & 1:
        return "the encrypted file"
    if info.is_dir():
        return "folder"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "the link or device"


def _tar(archive: Path, limit: int) -> Iterator[_Entry]:
    with archive.open("rb") as raw:
        start = raw.read(2)
    opener = _DECOMPRESSORS[start] if start in _DECOMPRESSORS else open
    with opener(archive, "rb") as plain:
        limited = _LimitedReader(archive, plain, limit)
        with tarfile.open(fileobj=limited, mode="r|") as opened:
            for member in opened:
                entry_type = "file" if member.isreg() else "folder" if member.isdir() else "the link or device"
                yield _Entry(member.name, entry_type, opened.extractfile(member) if entry_type == "file" else None)
        while limited.read(_CHUNK_BYTES):  # to the end, where gzip, bzip2 and xz keep their checksum
            pass


class _LimitedReader(io.RawIOBase):
    """A reader that raises an error after the limit of decompressed bytes, headers and skipped entries included."""

    def __init__(self, archive: Path, plain: IO[bytes], limit: int) -> None:
        super().__init__()
        self._archive, self._plain, self._left = archive, plain, limit + _ALWAYS_ALLOWED_BYTES  # headers and padding

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._plain.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(chunk)
        if self._left < 0:
            raise _too_much(self._archive)
        return chunk


def _too_much(archive: Path) -> VoxJaxError:
    size = free_space.megabytes(archive.stat().st_size)
    return VoxJaxError(_bomb(archive, "speech, which compresses to about a third", f"far more than fits into {size}"))


def _bomb(archive: Path, expected: str, found: str) -> str:
    return mismatch(archive.name, expected, found, "it may be an attack: get it from its official host")


def _damaged(archive: Path, error: Exception) -> str:
    return _broken(archive, f"damage ({' '.join(str(error).split())[:120]})")


def _broken(archive: Path, found: str) -> str:
    return mismatch(archive.name, "a complete zip or tar archive", found, f"remove {archive} and run again")
