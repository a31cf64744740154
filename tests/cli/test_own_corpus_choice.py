"""Commands on own recordings: a suitable config and protocol where none is named, and never another than is named."""

import json
import sys

import pytest
from absl import flags

from tests.voices import write_folder
from voxjax.artifacts import model_folder
from voxjax.cli import config_flag, encoder_flags, help, own_corpus_choice
from voxjax.cli.commands import train as command
from voxjax.pipeline.run_spec import Paths

NETWORK = ("optimized", "random5", False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two labels of three speakers, two clips each."""
    return write_folder(tmp_path_factory.mktemp("data"), ("angry", "sad"), takes=2)


@pytest.fixture
def run(monkeypatch, data, tmp_path):
    """Parses arguments as `voxjax train` does, and returns what is chosen: name, protocol, whether all folds."""
    before = set(flags.FLAGS)

    def chosen(*arguments):
        monkeypatch.setattr(sys, "argv", ["voxjax train", *arguments])
        argv = config_flag.define(sys.argv, "demo")
        help.parse(argv, flags.FLAGS)
        found = own_corpus_choice.of_command_line(config_flag.resolved(), Paths(tmp_path, data))
        return found.config.name, found.config.protocol, found.all_folds

    yield chosen
    for name in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()


def test_own_recordings_get_a_discriminant_tested_on_new_people(run, capsys):
    assert run("--corpus=folder") == ("discriminant", "loso:clips", True)
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed] == ["config discriminant", "protocol loso"]
    assert "12 clips are too few to train a network" in printed[0] and "3 speakers" in printed[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), NETWORK),  # the demo corpus
        (("--corpus=folder", "--config=optimized", "--protocol=random5"), NETWORK),
        (("--corpus=folder", "--config=optimized"), ("optimized", "loso:clips", False)),
        (("--corpus=folder", "--config.train.epochs=3"), ("optimized", "loso:clips", False)),
        (("--corpus=folder", "--protocol=random5"), ("discriminant", "random5", False)),
        (("--corpus=folder", "--fold=1"), ("discriminant", "loso:clips", False)),
        (("--corpus=folder", "--config=discriminant"), ("discriminant", "loso:clips", True)),
    ],
)
def test_what_is_named_is_kept(run, arguments, expected):
    assert run(*arguments) == expected


def test_a_users_own_config_file_keeps_its_protocol(run, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from voxjax.config import Config, config_dict\n"
        "def get_config():\n    return config_dict(Config(name='mine', corpus='folder'))\n"
    )
    assert run(f"--config={path}") == ("mine", "random5", False)


def test_training_tests_every_clip_and_the_model_is_of_all_clips(data, tmp_path, monkeypatch, capsys):
    values = {"DATA_DIR": str(data), "WORKDIR": tmp_path / "run", "RESUME": False, "FOLDS": "auto"}
    for name, value in values.items():
        monkeypatch.setattr(command, name, type("Flag", (), {"value": value}))
    monkeypatch.setattr(command.distributed_flags, "join", lambda: None)
    monkeypatch.setattr(encoder_flags, "run_paths", lambda data_dir: Paths(tmp_path / "cache", data))
    monkeypatch.setattr(config_flag, "changed", lambda: ())
    config = config_flag.named("discriminant", {"corpus": "folder", "protocol": "loso:clips"})
    monkeypatch.setattr(own_corpus_choice, "of_command_line", lambda *_: own_corpus_choice.Chosen(config, True))
    command.main(config)
    printed = capsys.readouterr().out
    assert "trained on all 12 clips; the figures are of the folds' models" in printed
    figures = json.loads((tmp_path / "run/report/metrics.json").read_text())
    assert (figures["n"], figures["folds"], figures["interval_method"]) == (12, 3, "Clopper-Pearson")
    assert any("12 test clips of 3 speakers are few" in text for text in figures["warnings"])
    model = model_folder.load(tmp_path / "run/model")
    assert model.meta["folds"] == 3 and len(model.meta["training_clips"]) == 12
    assert model.temperature == pytest.approx(figures["temperature"])
    card = (tmp_path / "run/model/README.md").read_text()
    assert "each of 12 clips was tested once, by one of 3 models" in card and "trained on all of them" in card
