"""Generated corpora in the cache: written once, and again where a file is damaged or lost."""

import pathlib
import shutil

import pytest

from voxjax.data.corpora import generated
from voxjax.storage import sums


def write(folder):
    (folder / "a").mkdir()
    (folder / "a/1.wav").write_bytes(b"one")
    (folder / "a/2.wav").write_bytes(b"two")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_whole_folder_is_written_once(tmp_path):
    first = generated.ensure(tmp_path / "corpus", write)
    assert list(first) == ["a/1.wav", "a/2.wav"]
    assert generated.ensure(tmp_path / "corpus", pytest.fail) == first
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "a/1.wav").write_bytes(b"onf"),
        lambda folder: (folder / "a/2.wav").unlink(),
        lambda folder: (folder / "a/1.wav").replace(folder / "a/2.wav"),
        lambda folder: (folder / sums.NAME).unlink(),
        lambda folder: (folder / sums.NAME).write_bytes(b""),
        lambda folder: (folder / sums.NAME).write_text((folder / sums.NAME).read_text().replace("1", "2", 1)),
        lambda folder: shutil.rmtree(folder / "a"),
    ],
)
def test_a_damaged_folder_is_made_again(tmp_path, damage):
    folder: pathlib.Path = tmp_path / "corpus"
    first = generated.ensure(folder, write)
    whole = contents(folder)
    damage(folder)
    assert generated.ensure(folder, write) == first
    assert contents(folder) == whole
