"""Searching folders: every sound is found once or counted with a reason, and loops of links end."""

import os

import pytest

from voxjax.audio import search


def tree(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def below(root, paths):
    return [path.relative_to(root).as_posix() for path in paths]


def reasons(root, found):
    return {reason: below(root, paths) for reason, paths in found.left_out.items()}


def test_sounds_of_any_kind_are_found_in_order(tmp_path):
    names = ["b.WAV", "deep/a.flac", "deep/er/c.aiff", "deep/z.m4a", "e.opus", "f.amr", "g.mp4"]
    found = search.search(tree(tmp_path, *names, "notes.txt", "README", "deep/t.TextGrid", "Thumbs.db"))
    assert below(tmp_path, found.files) == names and found.left_out == {} and found.unreadable == {}


LEFTOVERS = [
    ".ipynb_checkpoints/a.wav", ".Trash-1000/files/a.wav", "__MACOSX/a.wav", "x/._a.wav", "@eaDir/a.wav/b.mp3",
    "lost+found/a.wav", "$RECYCLE.BIN/a.m4a", "x/.hidden/deep/a.wav", "System Volume Information/a.wav", "x/~$a.wav",
]  # fmt: skip


def test_hidden_files_and_leftovers_are_left_out_and_counted_where_they_are_sounds(tmp_path):
    kept = "x/a (Ben's conflicted copy).wav"
    found = search.search(tree(tmp_path, kept, *LEFTOVERS, ".DS_Store", "x/desktop.ini", ".git/objects/ab"))
    assert below(tmp_path, found.files) == [kept]
    assert reasons(tmp_path, found) == {search.HIDDEN: sorted(LEFTOVERS, key=lambda name: name.split("/"))}


def test_files_of_an_unknown_kind_are_counted(tmp_path):
    found = search.search(tree(tmp_path, "a.wav", "clip1", "b.wav.part", "c.zip"))
    assert reasons(tmp_path, found) == {search.UNKNOWN: ["b.wav.part", "c.zip", "clip1"]}


def test_links_to_folders_and_files_are_followed(tmp_path):
    tree(tmp_path, "in/a.wav", "elsewhere/deep/b.wav", "one.wav")
    os.symlink(tmp_path / "elsewhere", tmp_path / "in/linked")
    os.symlink(tmp_path / "one.wav", tmp_path / "in/c.wav")
    found = search.search(tmp_path / "in")
    assert below(tmp_path / "in", found.files) == ["a.wav", "c.wav", "linked/deep/b.wav"] and found.left_out == {}


@pytest.mark.parametrize("target", [".", "..", "happy", "happy/deep", "/"])
def test_loops_of_links_end_and_a_folder_keeps_its_real_name(tmp_path, target):
    root = tree(tmp_path / "in", "happy/deep/a.wav", "sad/b.wav")
    link = root / "a link before the others in order"
    os.symlink(target if target == "/" else root / target, link)
    found = search.search(root)
    assert below(root, found.files) == ["happy/deep/a.wav", "sad/b.wav"]
    assert reasons(root, found) == {search.VISITED: [link.name]}


def test_two_links_to_one_folder_and_links_that_lead_to_each_other(tmp_path):
    root = tree(tmp_path / "in", "x/a.wav")
    tree(tmp_path, "p/p.wav", "q/q.wav")
    for link, target in (("in/x/p1", "p"), ("in/x/p2", "p"), ("p/q", "q"), ("q/p", "p"), ("q/self", "q")):
        os.symlink(tmp_path / target, tmp_path / link)
    found = search.search(root)
    assert below(root, found.files) == ["x/a.wav", "x/p1/p.wav", "x/p1/q/q.wav"]
    assert reasons(root, found) == {search.VISITED: ["x/p1/q/p", "x/p1/q/self", "x/p2"]}


def test_a_link_into_a_hidden_folder_finds_its_sounds(tmp_path):
    tree(tmp_path, ".store/a.wav", "x/b.wav")
    os.symlink(tmp_path / ".store", tmp_path / "x/linked")
    found = search.search(tmp_path)
    assert below(tmp_path, found.files) == ["x/b.wav", "x/linked/a.wav"] and found.left_out == {}


def test_broken_links_are_counted_and_one_to_a_sound_is_a_sound_that_is_an_error_to_read(tmp_path):
    tree(tmp_path, "a.wav")
    for name in ("gone", "gone.wav"):
        os.symlink(tmp_path / "nowhere" / name, tmp_path / name)
    os.symlink(tmp_path / "self", tmp_path / "self")
    found = search.search(tmp_path)
    assert below(tmp_path, found.files) == ["a.wav", "gone.wav"]
    assert reasons(tmp_path, found) == {search.BROKEN_LINK: ["gone", "self"]}


def test_pipes_are_found_without_opening_them_and_folders_named_as_sounds_are_searched(tmp_path):
    tree(tmp_path, "folder.wav/a.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert below(tmp_path, search.search(tmp_path).files) == ["folder.wav/a.wav", "pipe.wav"]


def test_folders_that_cannot_be_opened_are_named_with_the_reason(tmp_path, monkeypatch):
    tree(tmp_path, "open/a.wav", "closed/b.wav", ".Trash-0/c.wav")
    scandir = os.scandir

    def refusing(path):
        if path.name in ("closed", ".Trash-0"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(search.os, "scandir", refusing)
    found = search.search(tmp_path)
    assert below(tmp_path, found.files) == ["open/a.wav"]
    assert found.unreadable == {tmp_path / "closed": "Permission denied"}


def test_the_report_is_one_line_with_counts_and_the_first_names(tmp_path, caplog):
    found = search.search(tree(tmp_path, "a.wav", *(f"{i}.part" for i in range(5)), ".b.wav"))
    search.report(tmp_path, found.left_out)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"left out of {tmp_path}: files of an unknown kind: 5 (0.part, 1.part, 2.part, …); "
        "hidden, or left by a file manager or a notebook: 1 (.b.wav)"
    )
    search.report(tmp_path, {})
    assert len(caplog.records) == 1
