"""Lists of sounds: text and CSV, columns that go with a path, paths relative to the list, and what is refused."""

import io
import sys

import pytest

from voxjax.errors import VoxJaxError
from voxjax.inference import source_list


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with sounds, and a folder `study` with a list and its own sounds."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "here.wav",
        "study/a.wav",
        "study/b c.wav",
        "study/more/x.wav",
        "study/more/y.mp3",
        "study/empty/n.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF\0\0")
    return tmp_path


def rows(arguments, lists=()):
    found = source_list.find(arguments, lists)
    return [(entry.name, entry.path, dict(entry.columns)) for entry in found.entries]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_text_file_has_one_path_a_line_from_its_folder_else_from_the_current_one(folder, ends):
    (folder / "study/list.txt").write_text(ends.join(["a.wav", "", "b c.wav", "here.wav", "missing.wav"]), newline="")
    found = rows(["study/list.txt"])
    assert [name for name, *_ in found] == ["a.wav", "b c.wav", "here.wav", "missing.wav"]
    assert [path for _, path, _ in found] == ["study/a.wav", "study/b c.wav", "here.wav", "missing.wav"]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_has_columns_beside_the_path(folder, mark, encoding):
    text = f'id{mark}File{mark}note\n1{mark}a.wav{mark}"é{mark} ""x""\ny"\n2{mark}b c.wav\n'
    (folder / "study/list.csv").write_text(text, encoding=encoding)
    found = source_list.find(["study/list.csv"])
    assert [entry.path for entry in found.entries] == ["study/a.wav", "study/b c.wav"]
    assert [entry.columns for entry in found.entries] == [
        {"id": "1", "note": f'é{mark} "x"\ny'},
        {"id": "2", "note": ""},
    ]
    assert found.columns == ["id", "note"]


def test_a_folder_in_a_list_gives_its_sounds_the_columns_of_its_row(folder):
    (folder / "study/list.csv").write_text("path,group\nmore,g\nempty,h\n,i\na.wav,j\n")
    entries = source_list.find(["study/list.csv"]).entries
    assert [(entry.name, entry.path) for entry in entries[:2]] == [
        ("more/x.wav", "study/more/x.wav"),
        ("more/y.mp3", "study/more/y.mp3"),
    ]
    assert [entry.columns["group"] for entry in entries] == ["g", "g", "h", "i", "j"]
    assert [bool(entry.error) for entry in entries] == [False, False, True, True, False], "in the order of the list"
    assert "sound files" in entries[2].error and "empty cell" in entries[3].error


def test_standard_input_is_a_list(folder, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"here.wav\nstudy/a.wav\n")))
    assert rows(["-"]) == [("here.wav", "here.wav", {}), ("study/a.wav", "study/a.wav", {})]


def test_names_in_other_bytes_are_found(folder):
    name = b"study/caf\xe9.wav"
    open(name, "wb").close()
    (folder / "list").write_bytes(name + b"\n")
    (entry,) = source_list.find([], ["list"]).entries
    assert entry.path.encode("utf-8", "surrogateescape") == name and entry.answer["path"] == "study/caf\\xe9.wav"


def test_only_text_is_a_list_unless_it_is_said_to_be_one(folder):
    (folder / "sound.txt").write_bytes(b"RIFF\0\0\0\0")
    assert rows(["sound.txt"]) == [("sound.txt", "sound.txt", {})]
    with pytest.raises(VoxJaxError, match=r"sound\.txt: .*text, found binary data"):
        rows([], ["sound.txt"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "a column path or file or filename, found the line 'a,b'"),
        ("path,b,b\na.wav,1,2\n", "different names"),
        ("path,b\na.wav,1,2\n", "2 cells in each row, found 3 cells in row 1"),
        ("path,b\n", "no path"),
        ("", "no path"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(folder, text, message):
    (folder / "bad.csv").write_text(text)
    with pytest.raises(VoxJaxError, match=message):
        rows(["bad.csv"])


def test_a_list_that_is_not_there_is_an_error(folder):
    with pytest.raises(VoxJaxError, match=r"gone\.txt: expected a list of sound files, found No such file"):
        rows([], ["gone.txt"])
