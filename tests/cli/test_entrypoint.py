"""Commands: wrong use gives one line that helps, and exit code 2."""

import dataclasses
import errno
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest
from absl import flags

from voxjax.cli import config_flag, entrypoint, help, renamed_keys
from voxjax.errors import UsageError, VoxJaxError
from voxjax.storage import paths

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = "optimized"


@pytest.fixture
def values():
    """A few flags, as a command would define them."""
    values = flags.FlagValues()
    flags.DEFINE_integer("epochs", 3, "How many.", flag_values=values)
    flags.DEFINE_enum("format", "text", ["text", "json"], "How it is written.", flag_values=values)
    flags.DEFINE_float("share", 0.5, "Of the whole.", flag_values=values)
    flags.DEFINE_string("config", None, "A value of the config.", flag_values=values)
    return values


def test_flags_and_arguments_may_be_in_any_order(values):
    assert help.parse(["x", "a.wav", "--epochs=5", "b.wav", "--", "--c.wav"], values) == [
        "a.wav",
        "b.wav",
        "--c.wav",
    ]
    assert values.epochs == 5


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("--epoch=3", "flags: expected a known flag, found '--epoch'; did you mean '--epochs'?"),
        ("--zzz", "flags: expected a known flag, found '--zzz'; --help lists the flags"),
        ("--confg.a.b=3", "flags: expected a known flag, found '--confg.a.b'; did you mean '--config.a.b'?"),
        ("--epochs=2.5", "--epochs: expected a whole number, found '2.5'; give one"),
        ("--share=half", "--share: expected a number, found 'half'; give one"),
        ("--format=jsn", "--format: expected one of text, json, found 'jsn'; did you mean 'json'?"),
        ("--epochs", "--epochs: expected a value, found none; write --epochs=VALUE"),
        ("--format=JSON", "--format: expected one of text, json, found 'JSON'; did you mean 'json'?"),
    ],
)
def test_a_wrong_flag_gives_one_line(values, argument, line):
    with pytest.raises(UsageError) as caught:
        help.parse(["x", argument], values)
    assert str(caught.value) == line


def test_the_error_of_a_config_value_names_the_flag_of_a_command_without_a_config(values):
    del values.config
    with pytest.raises(UsageError, match=r"found '--config\.epochs'; did you mean '--epochs'\?"):
        help.parse(["x", "--config.epochs=3"], values)


def test_the_error_names_a_missing_required_flag(values):
    flags.DEFINE_string("out", None, "File to write.", required=True, flag_values=values)
    with pytest.raises(UsageError, match=r"--out: expected a value, found none; add --out=…: File to write"):
        help.parse(["x"], values)


@pytest.fixture
def config():
    """Resolves a command line to its config; absl's flags are restored afterwards."""
    before = set(flags.FLAGS)

    def forget():
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
        flags.FLAGS.unparse_flags()

    def resolve(*arguments):
        forget()
        argv = config_flag.define(["train.py", *arguments], CONFIG)
        help.parse(argv, flags.FLAGS)
        return config_flag.resolved()

    yield resolve
    forget()


def test_overrides_reach_the_config_in_any_order(config):
    found = config("--config.train.epochs=7", "--config.hyper.dropout", "0", f"--config={CONFIG}", "--config.seed=4")
    assert (found.train.epochs, found.hyper.dropout, found.seed) == (7, 0.0, 4)
    assert isinstance(found.hyper.dropout, float)


def test_the_prefix_of_values_may_be_left_out(config):
    """As the flags of commands without a config are written; the last one counts."""
    found = config(
        "--corpus=emodb", "--protocol", "speaker5", "--config.seed=1", "--seed=4", "--verbosity=0", "--train.epochs=3"
    )
    assert (found.corpus, found.protocol, found.seed, found.train.epochs) == ("emodb", "speaker5", 4, 3)
    assert config_flag.changed() == ("corpus", "protocol", "seed", "train.epochs")


@pytest.mark.parametrize("value", ["logmel,energy", "('logmel','energy')"])
def test_a_tuple_is_written_with_commas(config, value):
    assert config(f"--config.features.channels={value}").features.channels == ("logmel", "energy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.trian.epochs=3"], "--config: expected a known key, found 'trian'; did you mean 'train'?"),
        (
            ["--config.train.epoch=3"],
            "--config.train: expected a known key, found 'epoch'; did you mean 'epochs'?",
        ),
        (
            ["--config.train.zzz=3"],
            "--config.train: expected a known key, found 'zzz'; choose one of batch_size,",
        ),
        (["--config.train.epochs.x=3"], "--config.train.epochs: expected no key below this one, found 'x'"),
        (["--config.train.epochs=3.5"], "--config.train.epochs: expected a whole number, found '3.5'"),
        (["--config.hyper.dropout=x"], "--config.hyper.dropout: expected a number, found 'x'"),
        (["--config.hyper=3"], "--config.hyper: expected a value that fits, found '3'"),
        (["--config.train.epochs=0"], "train.epochs: expected a number from 1 to"),
        (["--config.train.epochs"], "--config.train.epochs: expected a value, found none"),
        (["--config"], "--config: expected a name or a file, found nothing"),
        (["--config=configs/optimised.py"], "did you mean 'configs/optimized.py'?"),
        (["--config=Whisper-Base"], "no 'Whisper-Base'; did you mean 'whisper_base'?"),
        (["--corpsu=ravdess"], "flags: expected a known flag, found '--corpsu'; did you mean '--corpus'?"),
        (["--epochs=3"], "found '--epochs'; did you mean '--train.epochs'?"),
        (["--learning-rate=3"], "found '--learning-rate'; did you mean '--hyper.learning_rate'?"),
        (["--model=optimized"], "found '--model'; did you mean '--config=optimized'?"),
        (["--model=mine"], "found '--model'; did you mean '--model.KEY=VALUE'?"),
        (["--trian.epochs=3"], "found '--trian.epochs'; did you mean '--train.epochs'?"),
        (["--train.epoch=3"], "--config.train: expected a known key, found 'epoch'; did you mean 'epochs'?"),
        (["--zzz"], "flags: expected a known flag, found '--zzz'; --help lists the flags"),
    ],
)
def test_a_wrong_config_gives_one_line(config, monkeypatch, arguments, message):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UsageError) as caught:
        config(*arguments)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_the_error_names_a_config_file_that_fails(config, tmp_path):
    (tmp_path / "mine.py").write_text("def get_config():\n    return 1 / 0\n")
    with pytest.raises(UsageError, match=r"mine\.py: expected a get_config.*ZeroDivisionError"):
        config(f"--config={tmp_path / 'mine.py'}")


@pytest.mark.parametrize("name", ["optimized", "configs/optimized.py", str(ROOT / "configs/optimized.py")])
def test_a_config_is_found_by_name_or_file_from_any_folder(config, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert config(f"--config={name}").name == "optimized"
    assert config().name == "optimized", "the default too"


def test_the_text_after_a_colon_is_the_argument_of_get_config(config, tmp_path, monkeypatch):
    body = f"""
        import runpy
        def get_config(argument):
            config = runpy.run_path({str(ROOT / "configs/optimized.py")!r})["get_config"]()
            config.name = argument
            return config
    """
    (tmp_path / "mine.py").write_text(textwrap.dedent(body))
    monkeypatch.chdir(tmp_path)
    assert config("--config=mine.py:small").name == "small"
    assert config(f"--config={tmp_path / 'mine.py'}:a:b").name == "a:b"
    with pytest.raises(UsageError, match=r"optimized\.py: expected a get_config.*TypeError"):
        config("--config=optimized:small")


def test_the_error_of_a_misspelt_config_name_gives_the_nearest(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no 'optimised'; did you mean 'optimized'\?"):
        config("--config=optimised")


@pytest.mark.parametrize(("old", "new"), renamed_keys.RENAMED.items())
def test_the_error_of_a_renamed_key_gives_its_new_name(config, tmp_path, old, new):
    at = config()
    for part in new.split("."):
        assert part in {field.name for field in dataclasses.fields(at)}, "the new key exists"
        at = getattr(at, part)
    with pytest.raises(UsageError) as caught:
        config(f"--config.{old}=1")
    assert f"it is now --config.{new}" in str(caught.value) and "\n" not in str(caught.value)
    file = tmp_path / "old.py"
    body = f"""
        import runpy
        def get_config():
            config = runpy.run_path({str(ROOT / "configs/optimized.py")!r})["get_config"]()
            config.lock()
            config.{old} = 1
            return config
    """
    file.write_text(textwrap.dedent(body))
    with pytest.raises(UsageError) as caught:
        config(f"--config={file}")
    assert f"it is now '{new}'" in str(caught.value) and "\n" not in str(caught.value)


def test_the_error_of_a_key_below_a_renamed_one_gives_its_new_name(config):
    with pytest.raises(UsageError, match=r"it is now --config\.offline_augment\.seed"):
        config("--config.copies.seed=1")


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "code", "line"),
    [
        (lambda: None, 0, ""),
        (lambda: 1, 1, ""),
        (raising(VoxJaxError("clip: expected\n speech")), 1, "error: clip: expected speech\n"),
        (raising(UsageError("wrong")), 2, "error: wrong\n"),
        (
            raising(OSError(errno.ENOSPC, "No space left on device", "f")),
            1,
            "error: disk: expected room to write",
        ),
        (
            raising(OSError(errno.EACCES, "Permission denied", "f")),
            1,
            "error: f: expected to use it, found Permission",
        ),
        (raising(MemoryError("x")), 1, "error: memory: expected enough"),
        (raising(KeyError("k")), 1, "error: KeyError: 'k'; run again with --verbosity=1"),
        (raising(KeyboardInterrupt()), 130, "interrupted\n"),
    ],
)
def test_a_failure_gives_one_line_and_an_exit_code(capsys, work, code, line):
    assert entrypoint.status(work) == code
    message = capsys.readouterr().err
    assert message.startswith(line) and message.count("\n") == bool(line)


def test_the_stack_trace_is_printed_on_request(capsys, monkeypatch):
    monkeypatch.setattr(flags.FLAGS["verbosity"], "_value", 1)
    entrypoint.status(raising(VoxJaxError("gone")))
    message = capsys.readouterr().err
    assert "Traceback" in message and message.endswith("error: gone\n")


def test_the_cache_folder_is_created_or_the_error_explains_why_not(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXJAX_CACHE", str(tmp_path / "a" / "b"))
    assert paths.cache_dir() == tmp_path / "a" / "b" and paths.cache_dir().is_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VOXJAX_CACHE", str(tmp_path / "file" / "b"))
    with pytest.raises(VoxJaxError, match="VOXJAX_CACHE"):
        paths.cache_dir()


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Runs a small command in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    path = tmp_path / "scripts" / "small.py"
    path.parent.mkdir()

    def run(entry, *arguments):
        body = f"""
            '''A small command.'''
            import logging
            from absl import flags
            from voxjax.cli import entrypoint
            flags.DEFINE_integer("n", 1, "How many.")
            def main(*given):
                logging.getLogger("voxjax.x").warning("beware")
                print(flags.FLAGS.n, *given)
            entrypoint.{entry}
        """
        path.write_text(textwrap.dedent(body))
        command = [sys.executable, str(path), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_command_end_to_end(script):
    assert script("run(main)", "--n=3") == (0, "3\n", "warning: beware\n")
    assert script("run_on(main, 'FILE…')", "a", "--n=3", "b") == (0, "3 ['a', 'b']\n", "warning: beware\n")
    code, out, message = script("run(main)", "extra")
    assert (code, out) == (2, "") and message.startswith("error: small.py: expected flags alone, found 'extra'")
    code, out, message = script("run_on(main, 'FILE…')")
    assert (code, out) == (2, "") and "expected FILE…, found nothing" in message


def test_help_and_version_have_exit_code_0(script):
    code, out, message = script(f"run_with_config(main, {CONFIG!r})", "--help")
    assert (code, message) == (0, "")
    assert "A small command." in out and "How many. (default: 1)" in out
    assert re.search(r"--config=….*\(default:\s+optimized\)", out, re.DOTALL)
    code, out, _ = script("run(main)", "--version")
    assert code == 0 and re.fullmatch(r"voxjax \d+\.\d+\.\d+\n", out)
