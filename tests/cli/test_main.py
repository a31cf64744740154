"""The command `voxjax`: finds each command, prints the same help as its script, and imports little."""

import pathlib
import shutil
import subprocess
import sys

import pytest

from tests import zygote
from voxjax.cli import config_files, main
from voxjax.cli.commands import completion
from voxjax.storage import provenance
from voxjax.version import __version__

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = {"inspect": "inspect_data"}  # scripts whose names differ from their commands


def voxjax(*arguments):
    command = [zygote.python(), "-m", "voxjax", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_help_lists_every_command_and_every_command_has_a_module():
    code, out, err = voxjax("--help")
    assert (code, err) == (0, "")
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert listed == list(main.COMMANDS)
    modules = {path.stem for path in (ROOT / "voxjax/cli/commands").glob("*.py")} - {"__init__"}
    assert modules == set(main.COMMANDS)


def test_help_imports_no_large_library():
    code = "import sys\nfrom voxjax.cli import main\nmain.page()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"jax", "numpy", "absl", "ml_collections"} & set(done.stdout.split())


def test_version():
    assert voxjax("--version") == (0, f"voxjax {__version__}\n", "")
    assert voxjax("predict", "--version") == (0, f"voxjax {__version__}\n", "")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("trian", "error: voxjax: expected a command, found 'trian'; did you mean 'train'?\n"),
        ("zzz", "error: voxjax: expected a command, found 'zzz'; voxjax --help lists them\n"),
    ],
)
def test_an_unknown_command_gives_one_line(name, line):
    assert voxjax(name) == (2, "", line)


def test_without_a_command_the_help_is_printed_with_exit_code_2():
    code, out, err = voxjax()
    assert code == 2 and out.startswith("VoxJAX") and err == ""


@pytest.mark.parametrize("name", ["train", "inspect"])
def test_script_and_command_print_the_same_help(name):
    script = f"scripts/{SCRIPTS.get(name, name)}.py"
    done = subprocess.run([zygote.python(), script, "--help"], cwd=ROOT, capture_output=True, text=True)
    code, out, err = voxjax(name, "--help")
    assert (done.returncode, code, err) == (0, 0, "")
    assert f"usage: voxjax {name} [--FLAG=VALUE …]" in out
    assert out == done.stdout.replace(f"usage: python {script}", f"usage: voxjax {name}")


def test_each_script_calls_the_command_of_its_name():
    for path in (ROOT / "scripts").glob("*.py"):
        [name] = [name for name in main.COMMANDS if SCRIPTS.get(name, name) == path.stem]
        assert f'main.run("{name}")' in path.read_text()


def test_errors_of_wrong_use_name_the_command():
    code, out, err = voxjax("evaluate", "extra")
    assert (code, out) == (2, "") and err.startswith("error: voxjax evaluate: expected flags alone, found 'extra'")


def test_doctor_reports_versions_devices_and_folders():
    code, out, _ = voxjax("doctor")
    found = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and found["voxjax"].endswith(__version__) and "cpu" in found["devices"] + found["python"].lower()
    assert {"jax", "flax", "cache", "encoders", "configs"} <= set(found)
    assert "whisper_robust" in out and all(name in found["configs"] for name in ("demo", "optimized"))


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["voxjax train", "--config=a b"], "voxjax train '--config=a b'"),
        (["scripts/train.py", "--resume"], "python scripts/train.py --resume"),
    ],
)
def test_results_record_the_command_line(monkeypatch, argv, line):
    monkeypatch.setattr(sys, "argv", argv)
    assert provenance.provenance()["command"] == line


@pytest.fixture(scope="module")
def completed(tmp_path_factory):
    """Completes a line in a real bash; returns the suggestions."""
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    code, script, err = voxjax("completion", "bash")
    assert (code, err) == (0, "")

    folder = tmp_path_factory.mktemp("empty")

    def complete(*words):
        typed = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}"
        code = f"{script}\n{typed}\n_voxjax\necho ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True, cwd=folder)
        return done.stdout.split()

    return complete


def test_bash_completes_commands_flags_and_configs(completed):
    assert completed("voxjax", "pre") == ["predict", "preprocess"]
    assert set(completed("voxjax", "")) >= set(main.COMMANDS)
    assert completed("voxjax", "train", "--da") == ["--data_dir="]
    assert completed("voxjax", "crossval", "--co") == ["--config=", "--coordinator="]
    assert completed("voxjax", "predict", "--tar") == ["--target_accuracy="]
    assert completed("voxjax", "train", "--config", "=", "opt") == ["optimized"]
    assert set(completed("voxjax", "train", "--config", "=")) >= set(config_files.names())


def test_completion_of_another_shell_is_an_error():
    code, _, err = voxjax("completion", "fish")
    assert code == 2 and "completion: expected bash or zsh, found fish" in err
    assert "bashcompinit" in completion.script("zsh")
