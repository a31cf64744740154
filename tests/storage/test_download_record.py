"""The record of a download: a changed or lost file, or a damaged record, is one line."""

import hashlib
import json

import pytest

from voxjax.errors import VoxJaxError
from voxjax.storage import download_record


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.wav").write_bytes(b"one")
    (tmp_path / "table.csv").write_bytes(b"x")
    download_record.write(tmp_path, {"corpus": "small"})
    return tmp_path


def known(content):
    return {"a/1.wav": hashlib.sha256(content).hexdigest()}


def test_a_whole_folder_passes_and_so_does_one_that_was_not_downloaded(folder):
    download_record.check(folder, {}, "")
    download_record.check(folder, known(b"one"), "")
    download_record.check(folder / "a", known(b"two"), "")
    assert list(download_record.read(folder)) == ["a/1.wav", "table.csv"]


def test_a_record_of_before_has_no_digest(folder):
    path = folder / download_record.NAME
    values = json.loads(path.read_text())
    del values["digest"]
    path.write_text(json.dumps({**values, "voxjax": "0.1.0"}))
    download_record.check(folder, {}, "")


@pytest.mark.parametrize(
    ("name", "content"), [("a/1.wav", b"two"), ("a/1.wav", None), ("table.csv", b"xy"), ("table.csv", None)]
)
def test_a_changed_or_lost_file_is_one_line(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    found = known(content or b"one")
    with pytest.raises(VoxJaxError, match=f"expected the 2 files that were fetched, found 1 .* as {name}; again"):
        download_record.check(folder, found if name in found else {}, "again")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"files": {"a": 1}}', b'{"files": {}, "digest": "x"}'])
def test_a_damaged_record_is_one_line(folder, content):
    (folder / download_record.NAME).write_bytes(content)
    with pytest.raises(VoxJaxError, match=r"expected the record of a download, found damage .* download it again"):
        download_record.read(folder)
