"""SHA256SUMS: as sha256sum reads it; a file that was changed, lost or added is noticed."""

import re
import subprocess

import pytest

from voxjax.errors import VoxJaxError
from voxjax.storage import sums

NAMES = ("one.csv", "two ä.csv", "../log")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "log").write_text("log")
    (tmp_path / "report").mkdir()
    for name in NAMES[:2]:
        (tmp_path / "report" / name).write_text(name)
    sums.write(tmp_path / "report", NAMES)
    return tmp_path / "report"


def read(folder):
    return sums.read(folder, [*NAMES, "three"], "run again")


def test_whole_files_are_read_and_another_program_agrees(folder):
    assert read(folder) == {"one.csv": b"one.csv", "two ä.csv": "two ä.csv".encode(), "../log": b"log"}
    subprocess.run(["sha256sum", "-c", sums.NAME], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [("one.csv", b"two"), ("one.csv", None), ("three", b""), ("../log", b"logs"), (sums.NAME, b"x"), (sums.NAME, b"")],
)
def test_a_changed_or_lost_or_added_file_is_one_line(folder, name, content):
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(VoxJaxError, match=f"{re.escape(name.removeprefix('../'))}|one.csv: expected .*; run again"):
        read(folder)


def test_no_flipped_bit_in_the_digests_is_passed_over(folder):
    whole = (folder / sums.NAME).read_bytes()
    for at in range(8 * len(whole)):
        data = bytearray(whole)
        data[at // 8] ^= 1 << at % 8
        (folder / sums.NAME).write_bytes(data)
        with pytest.raises(VoxJaxError, match="run again"):
            read(folder)


def test_a_folder_of_before_is_read_unchecked(folder):
    (folder / sums.NAME).unlink()
    (folder / "one.csv").write_text("changed")
    assert read(folder)["one.csv"] == b"changed"
