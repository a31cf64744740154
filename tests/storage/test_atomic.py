import os

import pytest

from voxjax.errors import VoxJaxError
from voxjax.storage import atomic
from voxjax.storage.paths import locate


def test_a_write_replaces_the_file_and_leaves_no_temporary_one(tmp_path):
    path = tmp_path / "metrics.json"
    atomic.write(path, "old")
    atomic.write(path, "né\r\n")
    assert path.read_bytes() == "né\r\n".encode()
    assert os.listdir(tmp_path) == ["metrics.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    atomic.write(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["metrics.json"]


def test_a_failed_writer_keeps_the_old_file(tmp_path):
    path = tmp_path / "features.npy"
    atomic.write_stream(path, lambda file: file.write(b"old"))

    def writer(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic.write_stream(path, writer)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["features.npy"]


def test_a_folder_is_complete_when_it_appears_and_is_created_once(tmp_path):
    folder = tmp_path / "cache" / "demo"

    def fill(temporary):
        (temporary / "a").write_text("1")
        assert not folder.exists()

    atomic.write_folder(folder, fill)
    atomic.write_folder(folder, lambda temporary: pytest.fail("it exists already"))
    assert (folder / "a").read_text() == "1" and os.listdir(folder.parent) == ["demo"]


def test_a_folder_that_another_process_created_first_is_kept(tmp_path):
    def fill(temporary):
        (temporary / "a").write_text("mine")
        (tmp_path / "demo").mkdir()
        (tmp_path / "demo/a").write_text("theirs")

    atomic.write_folder(tmp_path / "demo", fill)
    assert (tmp_path / "demo/a").read_text() == "theirs" and os.listdir(tmp_path) == ["demo"]


def test_a_folder_that_could_not_be_filled_is_not_created(tmp_path):
    def fill(temporary):
        (temporary / "a").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        atomic.write_folder(tmp_path / "demo", fill)
    assert os.listdir(tmp_path) == []


def test_leftovers_of_ended_processes_are_removed_and_those_at_work_kept(tmp_path):
    (tmp_path / ".old.csv.abcd_123.voxjax").write_text("half")
    (tmp_path / ".demo.abcd_123.voxjax").mkdir()
    (tmp_path / ".demo.abcd_123.voxjax/a").write_text("half")
    (tmp_path / ".config.settings").write_text("the user's own")
    kept = []

    def writer(file):
        atomic.remove_leftovers(tmp_path)  # as another process does; the lock is of this open file
        kept.extend(os.listdir(tmp_path))
        file.write(b"whole")

    atomic.write_stream(tmp_path / "new.csv", writer)
    assert len(kept) == 2 and ".config.settings" in kept, "the file that is being written, and the user's own"
    assert sorted(os.listdir(tmp_path)) == [".config.settings", "new.csv"]


def test_text_is_added_to_the_end(tmp_path):
    for text in ("a\n", "é\n"):
        atomic.append(tmp_path / "lines", text)
    assert (tmp_path / "lines").read_bytes() == "a\né\n".encode()


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # aiohttp, about what gcsfs does
def test_a_bucket_has_each_object_whole(bucket, gcs):
    path = locate(bucket) / "report" / "metrics.json"
    atomic.append(path, "old")
    atomic.append(path, "é\r\n")
    assert path.read_bytes() == "oldé\r\n".encode()
    large = bytes(range(256)) * 40_000  # more than one part of an upload
    atomic.write(path, large)
    assert path.read_bytes() == large
    assert [name for b, name in gcs.objects if f"gs://{b}" == bucket] == ["report/metrics.json"]


def test_a_failed_writer_keeps_the_old_object(bucket):
    path = locate(bucket) / "features.npy"
    atomic.write(path, b"old")

    def writer(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic.write_stream(path, writer)
    assert path.read_bytes() == b"old"


def test_a_bucket_without_access_is_one_line(bucket, gcs):
    path = locate(bucket) / "metrics.json"
    gcs.forbidden.add(bucket.removeprefix("gs://"))
    for call in (atomic.write, atomic.append):
        with pytest.raises(VoxJaxError, match=r"metrics.json: expected to use it, found .*; check the bucket's name"):
            call(path, "new")
