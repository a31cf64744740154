"""What signals do to a command: exit code, one line, and no temporary file; in processes of their own."""

import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def ended(folder, body):
    """Exit code and standard error of a command that signals itself."""
    code = f"""
        import os, signal, sys
        from voxjax import interruption
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may ignore both, as in the background
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        interruption.install()
        folder = {str(folder)!r}
{textwrap.indent(textwrap.dedent(body), " " * 8)}
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "stopped by SIGTERM"), ("SIGHUP", 129, "stopped by SIGHUP")],
)
def test_a_signal_ends_a_command_in_one_line_without_unwinding(tmp_path, name, code, line):
    body = f"""
        for made in ("file", "folder/file"):
            os.makedirs(os.path.dirname(f"{{folder}}/{{made}}"), exist_ok=True)
            open(f"{{folder}}/{{made}}", "w").close()
        interruption.unfinished |= {{f"{{folder}}/file", f"{{folder}}/folder"}}
        class Object:
            def __del__(self):  # an exception that is raised here is printed and lost
                os.kill(os.getpid(), signal.{name})
                os.kill(os.getpid(), signal.{name})
        with interruption.ending_with("run it again"):
            Object()
        sys.exit("still at work")
    """
    assert ended(tmp_path, body) == (code, f"{line}; run it again\n")
    assert list(tmp_path.iterdir()) == []


def test_training_defers_the_first_signal_but_not_the_second(tmp_path):
    body = """
        with interruption.ending_with("with --resume"), interruption.deferred() as request:
            os.kill(os.getpid(), signal.SIGTERM)
            print(request.possible, request.number, file=sys.stderr)
            os.kill(os.getpid(), signal.SIGINT)
        print("still at work", file=sys.stderr)
    """
    assert ended(tmp_path, body) == (130, "True 15\ninterrupted; with --resume\n")


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(tmp_path):
    body = """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does before
        interruption.install()
        os.kill(os.getpid(), signal.SIGHUP)
        interruption.end(3)
    """
    assert ended(tmp_path, body) == (3, "")
