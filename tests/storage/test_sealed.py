"""Sealed cache files: no damage is read, nor the content of another name."""

import pytest

from voxjax.storage import sealed

CONTENT = bytes(range(200))


@pytest.fixture
def path(tmp_path):
    sealed.write(tmp_path / "one", CONTENT)
    return tmp_path / "one"


def test_what_was_written_is_read_and_what_is_not_there_is_none(path):
    assert sealed.read(path) == CONTENT
    assert sealed.read(path.with_name("two")) is None and sealed.read(path.parent) is None


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-1], lambda b: b + b"\0", lambda b: bytes(len(b)), lambda b: b[32:]]
)
def test_damage_is_as_good_as_no_file(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    assert sealed.read(path) is None


def test_no_flipped_bit_is_read(path):
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        path.write_bytes(data)
        assert sealed.read(path) is None


def test_the_content_of_another_name_is_not_read(path):
    path.rename(path.with_name("two"))
    assert sealed.read(path.with_name("two")) is None
