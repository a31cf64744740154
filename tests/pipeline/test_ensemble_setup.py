"""From a config to members: n_members and the member configs, hyperparameters, and errors."""

import dataclasses
import re
import runpy

import pytest

from tests import runs
from tests.experiments.test_train import ROOT
from voxjax.config import Config, Hyper, MemberConfig
from voxjax.config_schema import freeze
from voxjax.errors import UsageError

MIX = (
    MemberConfig("cnn"),
    MemberConfig("lstm", {}, {"learning_rate": 2e-3}),
    MemberConfig("cnn", {}, {"dropout": 0.4}),
)


def from_file(path):
    return freeze(Config, runpy.run_path(str(path))["get_config"]().to_dict())


def names(config):
    return [spec.name for spec in runs.spec(config).members]


def test_members_are_taken_from_the_member_configs_in_turn():
    assert names(Config(n_members=3, members=MIX)) == ["cnn 1", "lstm 1", "cnn 2"]
    assert names(Config(n_members=2, members=MIX)) == ["cnn 1", "lstm 1"]
    assert names(Config(n_members=5, members=MIX)) == ["cnn 1", "lstm 1", "cnn 2", "cnn 3", "lstm 2"]
    assert names(Config(n_members=3, architecture="lstm")) == ["lstm 1", "lstm 2", "lstm 3"]


def test_a_member_has_the_runs_hyperparameters_except_for_its_own():
    specs = runs.spec(Config(n_members=3, members=MIX, hyper=Hyper(dropout=0.1, mixup_alpha=0.9))).members
    assert [spec.hyper.dropout for spec in specs] == [0.1, 0.1, 0.4]
    assert [spec.hyper.learning_rate for spec in specs] == [1e-3, 2e-3, 1e-3]
    assert {spec.hyper.mixup_alpha for spec in specs} == {0.9}


def test_the_guides_ensemble_is_two_cnns_two_lstms_and_a_hybrid():
    specs = runs.spec(from_file(ROOT / "configs/ensemble.py")).members
    assert sorted(spec.architecture for spec in specs) == ["cnn", "cnn", "hybrid", "lstm", "lstm"]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.py")), ids=lambda path: path.stem)
def test_each_config_names_its_command_and_is_valid(path):
    config = from_file(path)
    assert len(runs.spec(config).members) == config.n_members
    assert config.name in (path.stem, "optimized")
    own = "" if path.stem == "demo" else rf".* --config=configs/{path.stem}\.py"  # `demo` is what runs without a config
    assert re.search(rf"python scripts/(train|crossval)\.py{own}", path.read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": (MemberConfig("cnm"),)}, "did you mean 'cnn'"),
        ({"members": (MemberConfig("cnn", {"filtres": (3,)}),)}, "did you mean"),
        ({"members": (MemberConfig("cnn", {}, {"droput": 0.1}),)}, r"config.members\[0\].hyper"),
        ({"loss": "foca"}, "did you mean 'focal'"),
        ({"vote": "equall"}, "did you mean 'equal'"),
    ],
)
def test_invalid_members_are_errors(change, message):
    with pytest.raises(UsageError, match=message):
        runs.spec(dataclasses.replace(Config(), **change))
