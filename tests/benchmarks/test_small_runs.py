"""What soak tests count: further lines, other results, and files that are left."""

from voxjax.benchmarks.soak.small_runs import Unbroken, Work, digest, temporary_files

USUAL = Unbroken("", 1.0, 1, frozenset({"curves: tensorboard", "demo: epoch 0 of 0, loss 0"}))


def test_lines_of_progress_are_known_whatever_their_figures_and_all_else_is_counted():
    text = "demo: epoch 3 of 4, loss 1.25, about 0:03 left\ncurves: tensorboard --logdir=/tmp/a/b\n"
    assert USUAL.further(text) == []
    trace = "Traceback (most recent call last):\n  File\nKeyboardInterrupt\n"
    assert USUAL.further(text + trace) == trace.splitlines()


def test_results_are_equal_where_all_their_files_are(tmp_path):
    work = Work((), (), ("a.csv", "*/b.vtt"))
    assert digest(tmp_path, work) == ""
    (tmp_path / "a.csv").write_text("1")
    assert digest(tmp_path, work) == "", "a result is missing"
    (tmp_path / "one").mkdir()
    (tmp_path / "one/b.vtt").write_text("2")
    whole = digest(tmp_path, work)
    (tmp_path / "one/b.vtt").rename(tmp_path / "one/c.vtt")
    assert digest(tmp_path, work) == "" != whole
    (tmp_path / "one/b.vtt").write_text("3")
    assert digest(tmp_path, work) not in ("", whole)


def test_files_that_no_process_should_leave_are_found(tmp_path):
    for name in (".lock", ".a.csv.abcd1234.voxjax", "2.orbax-checkpoint-tmp", "answers.progress"):
        (tmp_path / name).write_text("")
    (tmp_path / "a.csv").write_text("")
    assert len(temporary_files(tmp_path)) == 4
