"""Valid and hostile archives: the files in the folder afterwards, and none outside it."""

import gzip
import io
import os
import random
import re
import stat
import tarfile
import zipfile

import pytest
import soundfile

from voxjax.downloads import archives
from voxjax.downloads.archives import Limits
from voxjax.errors import VoxJaxError

NAME = "03-01-05-01-02-01-12.wav"


@pytest.fixture
def clip():
    """The bytes of a real WAV file."""
    noise = random.Random(0)
    file = io.BytesIO()
    soundfile.write(file, [noise.uniform(-0.5, 0.5) for _ in range(4800)], 48_000, subtype="PCM_16", format="WAV")
    return file.getvalue()


def zipped(path, entries, **options):
    """Entries are names or `ZipInfo`, and bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content, **options)
    return path


def tarred(path, entries, mode="w"):
    """Entries are names and bytes, or names and `tarfile` types."""
    with tarfile.open(path, mode) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, int):
                info.type, info.linkname = bytes([content]), "/etc/passwd"
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rejected(archive, message, limits=None):
    """The archive is rejected with this message, and leaves nothing."""
    folder = archive.parent / "out" / "corpus"
    folder.parent.mkdir(exist_ok=True)
    before = set(archive.parent.rglob("*"))
    with pytest.raises(VoxJaxError, match=message):
        archives.unpack(archive, folder, limits or Limits())
    assert set(archive.parent.rglob("*")) == before


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_an_unpacked_corpus_equals_the_packed_one(tmp_path, clip, mode):
    entries = [(f"Actor_{actor:02d}/{NAME}", clip + bytes([actor])) for actor in range(1, 25)]
    archive = zipped(tmp_path / "a", entries) if mode == "zip" else tarred(tmp_path / "a", entries, mode)
    archives.unpack(archive, tmp_path / "out", Limits())
    assert tree(tmp_path / "out") == dict(entries)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out"]


def test_folders_are_kept_and_files_of_macos_are_not(tmp_path, clip):
    entries = [
        ("wav/", b""),
        ("wav/a.wav", clip),
        ("__MACOSX/wav/._a.wav", b"x"),
        ("wav/.DS_Store", b"x"),
        ("empty/", b""),
    ]
    archives.unpack(zipped(tmp_path / "a.zip", entries), tmp_path / "out", Limits())
    assert tree(tmp_path / "out") == {"wav/a.wav": clip} and (tmp_path / "out/empty").is_dir()


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "C:evil", "a/..", "a\nb"]
)
def test_names_that_lead_outside_are_rejected(tmp_path, clip, make, name):
    rejected(make(tmp_path / "a", [("good.wav", clip), (name, b"evil")]), "expected plain names below its own folder")
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_rejected(tmp_path, clip, kind):
    rejected(tarred(tmp_path / "a", [("a.wav", clip), ("b.wav", kind[0])]), "found the link or device 'b.wav'")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_rejected(tmp_path, clip, kind):
    link = zipfile.ZipInfo("b.wav")
    link.external_attr = (kind | 0o777) << 16
    rejected(zipped(tmp_path / "a.zip", [("a.wav", clip), (link, "/etc/passwd")]), "the link or device 'b.wav'")


def test_an_encrypted_zip_is_rejected(tmp_path, clip):
    archive = zipped(tmp_path / "a.zip", [("a.wav", clip)])
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    rejected(archive, r"found the encrypted file 'a\.wav'")


def test_a_zip_bomb_is_rejected_before_it_is_opened(tmp_path):
    rejected(zipped(tmp_path / "a.zip", [("a.wav", bytes(20_000_000))]), "expected speech, which compresses")


def test_a_zip_with_a_false_size_is_rejected(tmp_path):
    archive = zipped(tmp_path / "a.zip", [("a.wav", bytes(20_000_000))])
    real, false = (20_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(real, false))
    rejected(archive, "a complete zip or tar archive")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_tar_bomb_is_rejected_while_it_is_read(tmp_path, mode):
    rejected(
        tarred(tmp_path / "a", [("a.wav", bytes(20_000_000))], mode),
        "expected speech, which compresses",
    )


def test_a_bomb_in_a_header_is_rejected(tmp_path):
    """A long name is read into memory before it can be checked."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 30_000_000
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf() + b"a" * info.size)
    rejected(tmp_path / "a.tar.gz", "expected speech, which compresses")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_limits_of_entries_and_of_size(tmp_path, clip, make):
    archive = make(tmp_path / "a", [(f"{number}.wav", clip) for number in range(5)])
    rejected(archive, "at most 4 entries", Limits(entries=4))
    rejected(archive, "far more than fits", Limits(unpacked_bytes=len(clip)))
    archives.unpack(archive, tmp_path / "ok", Limits(entries=5))


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("names", [("a", "a/b.wav"), ("a/b.wav", "a"), ("a.wav", "a.wav")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_where_a_folder_must_be(tmp_path, clip, make, names):
    rejected(make(tmp_path / "x", [(name, clip) for name in names]), "twice, or as a file and a folder")


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a" * 300, "300 bytes in 1 folders"),
        ("ä" * 130 + ".wav", "264 bytes in 1 folders"),
        ("a/" * 3000 + "b.wav", "5 bytes in 3001 folders"),
        (f"{'a' * 100}/" * 12 + "b.wav", "100 bytes in 13 folders"),
    ],
)
def test_names_that_no_disk_holds_are_rejected(tmp_path, clip, make, name, found):
    expected = "expected names of at most 200 bytes, in at most 32 folders, found"
    rejected(make(tmp_path / "a.zip", [(name, clip)]), f"{expected} {found}")


def test_names_that_are_not_utf8(tmp_path, clip):
    """Old zips have names in code page 437, which are decoded. In a tar, a name that is not UTF-8 is an error."""
    archive = zipped(tmp_path / "a.zip", [("ab_frohlich.wav", clip)])
    archive.write_bytes(archive.read_bytes().replace(b"ab_frohlich", b"ab_fr\x94hlich"))
    archives.unpack(archive, tmp_path / "out", Limits())
    assert tree(tmp_path / "out") == {"ab_fröhlich.wav": clip}
    with tarfile.open(tmp_path / "a.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as opened:
        opened.addfile(tarfile.TarInfo("fröhlich.wav"), None)
    rejected(tmp_path / "a.tar", re.escape(r"found 'fr\udcf6hlich.wav'"))


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("fraction", [0.3, 0.7])
def test_a_truncated_archive_is_rejected(tmp_path, clip, mode, fraction):
    entries = [(f"{number}.wav", clip) for number in range(4)]
    archive = zipped(tmp_path / "a", entries) if mode == "zip" else tarred(tmp_path / "a", entries, mode)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(fraction * len(content))])
    rejected(archive, "expected a complete zip or tar archive, found damage")


@pytest.mark.parametrize("mode", ["zip", "w:gz", "w:bz2", "w:xz"])
def test_a_changed_byte_is_detected(tmp_path, clip, mode):
    entries = [("a.wav", clip)]
    archive = zipped(tmp_path / "a", entries) if mode == "zip" else tarred(tmp_path / "a", entries, mode)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0x10
    archive.write_bytes(data)
    rejected(archive, "expected a complete zip or tar archive, found damage")


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>", b"PK\5\6"])
def test_what_is_not_an_archive_is_rejected(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    rejected(
        tmp_path / "a.zip",
        r"a\.zip: expected a complete zip or tar archive, found damage .*; remove .*a\.zip and run again",
    )


def test_files_of_a_killed_run_are_removed(tmp_path, clip):
    (tmp_path / ".out.unpacking").mkdir()
    (tmp_path / ".out.unpacking/half.wav").write_bytes(b"half")
    archives.unpack(zipped(tmp_path / "a.zip", [("a.wav", clip)]), tmp_path / "out", Limits())
    assert tree(tmp_path / "out") == {"a.wav": clip}


def test_existing_files_are_never_overwritten(tmp_path, clip):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.wav").write_bytes(b"mine")
    with pytest.raises(OSError):
        archives.unpack(zipped(tmp_path / "a.zip", [("mine.wav", clip)]), tmp_path / "out", Limits())
    assert tree(tmp_path / "out") == {"mine.wav": b"mine"}


def test_permissions_of_the_archive_are_not_kept(tmp_path, clip):
    info = zipfile.ZipInfo("a.wav")
    info.external_attr = (stat.S_IFREG | 0o6777) << 16
    archives.unpack(zipped(tmp_path / "a.zip", [(info, clip)]), tmp_path / "out", Limits())
    assert not os.stat(tmp_path / "out/a.wav").st_mode & 0o6111
