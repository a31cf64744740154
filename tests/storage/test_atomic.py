import os

import pytest

from voxjax.storage import atomic


def test_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "metrics.json"
    atomic.write(path, "old")
    atomic.write(path, "né\r\n")
    assert path.read_bytes() == "né\r\n".encode()
    assert os.listdir(tmp_path) == ["metrics.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failure_keeps_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    atomic.write(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["metrics.json"]
