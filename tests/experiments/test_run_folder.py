"""The folder of a run: its config is whole, or restored from checkpoints, or refused."""

import json
import os

import numpy as np
import pytest

from voxjax.errors import UsageError, VoxJaxError
from voxjax.experiments import run_folder
from voxjax.storage import atomic

VALUES = {"hyper": {"learning_rate": 0.001}, "seed": 0}
OTHER = {**VALUES, "hyper": {"learning_rate": 0.002}}


@pytest.fixture
def workdir(tmp_path):
    """A folder that was claimed, before any checkpoint."""
    run_folder.check_unused(tmp_path, VALUES, "new")
    run_folder.claim(tmp_path, VALUES)
    return tmp_path


@pytest.fixture
def begun(workdir):
    """A folder with a checkpoint."""
    run_folder.keep_execution(workdir, "part0", "vmap")
    with run_folder.checkpoints(workdir, "part0", 1) as checkpoints:
        checkpoints.save(1, {"x": np.ones(3)}, {})
    return workdir


def lose(workdir):
    (workdir / "config.json").unlink()


def shorten(workdir):
    path = workdir / "config.json"
    path.write_bytes(path.read_bytes()[:-20])


def change(workdir):
    path = workdir / "config.json"
    path.write_text(path.read_text().replace("0.001", "0.002"))


def test_a_config_is_read_as_it_was_written_and_a_person_can_read_it(workdir):
    assert run_folder.config(workdir) == VALUES
    assert json.loads((workdir / "config.json").read_text())["hyper"] == VALUES["hyper"]
    run_folder.check_unused(workdir, VALUES, "resume")
    with pytest.raises(UsageError, match="found other hyper; resume with the same values"):
        run_folder.check_unused(workdir, OTHER, "resume")
    with pytest.raises(UsageError, match=r"config\.json; add --resume"):
        run_folder.check_unused(workdir, VALUES, "new")


def test_an_execution_mode_stays_with_the_run(workdir):
    assert run_folder.chosen_execution(workdir, "part0") is None
    run_folder.keep_execution(workdir, "part0", "vmap")
    run_folder.keep_execution(workdir, "part1", "unroll")
    run_folder.claim(workdir, VALUES)
    run_folder.check_unused(workdir, VALUES, "resume")
    assert [run_folder.chosen_execution(workdir, f"part{i}") for i in range(3)] == ["vmap", "unroll", None]
    assert run_folder.config(workdir) == VALUES


@pytest.mark.parametrize("damage", [lose, shorten, change])
def test_a_lost_or_damaged_config_is_restored_from_checkpoints(begun, damage, caplog):
    damage(begun)
    run_folder.check_unused(begun, VALUES, "resume")
    (line,) = caplog.messages
    assert "config.json: expected the config the run began with, found " in line and "from the checkpoints" in line
    assert run_folder.config(begun) == VALUES and run_folder.chosen_execution(begun, "part0") == "vmap"


@pytest.mark.parametrize("damage", [lose, shorten, change])
def test_without_its_config_a_run_is_resumed_under_no_other_values(begun, damage):
    damage(begun)
    with pytest.raises(UsageError, match="found other hyper; resume with the same values"):
        run_folder.check_unused(begun, OTHER, "resume")
    with pytest.raises(UsageError, match="add --resume"):
        run_folder.check_unused(begun, OTHER, "new")


def test_a_config_without_checkpoints_is_written_anew_with_a_line(workdir, caplog):
    shorten(workdir)
    run_folder.check_unused(workdir, OTHER, "resume")
    assert "the run starts from its beginning" in caplog.text
    run_folder.claim(workdir, OTHER)
    assert run_folder.config(workdir) == OTHER


def test_damage_in_config_and_checkpoints_is_one_line(begun):
    lose(begun)
    (begun / "checkpoints/part0/1/_CHECKPOINT_METADATA").write_text("{}")
    with pytest.raises(VoxJaxError, match="here or in a checkpoint, found neither is whole; start again in another"):
        run_folder.check_unused(begun, VALUES, "resume")


def test_the_checkpoints_of_another_program_are_refused(begun):
    (begun / "checkpoints/part0").rename(begun / "checkpoints/part1")
    run_folder.keep_execution(begun, "part1", "vmap")
    with (
        run_folder.checkpoints(begun, "part1", 1) as checkpoints,
        pytest.raises(VoxJaxError, match="one with other program"),
    ):
        checkpoints.restore_newest({"x": np.ones(3)}, pytest.fail)


def test_the_config_of_another_folder_is_one_line_where_it_is_missing(tmp_path):
    with pytest.raises(VoxJaxError, match="found no such file; copy the run whole"):
        run_folder.config(tmp_path)


def test_a_second_command_in_the_folder_is_refused_and_changes_nothing(tmp_path):
    workdir = tmp_path / "runs" / "first"
    with run_folder.used_alone(workdir):
        before = os.listdir(workdir)
        with pytest.raises(VoxJaxError, match="found one at work; wait until it ends"), run_folder.used_alone(workdir):
            pytest.fail("both are at work")
        assert os.listdir(workdir) == before
    assert os.listdir(tmp_path) == [], "nothing was written to the folder"
    with run_folder.used_alone(workdir):
        atomic.write(workdir / "config.json", "{}")
    assert os.listdir(workdir) == ["config.json"]
