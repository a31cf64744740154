"""The folder of a run: one command at a time."""

import os

import pytest

from voxjax.errors import VoxJaxError
from voxjax.experiments import run_folder
from voxjax.storage import atomic


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
