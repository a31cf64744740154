"""Members and batches over eight forced host devices: the figures of one, no communication between members."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from voxjax.errors import UsageError
from voxjax.train import sharding

ROOT = pathlib.Path(__file__).resolve().parents[2]


def worker(out, member, data):
    """What eight members give on a mesh, in a process with as many devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={member * data}"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.train.mesh_worker", str(out), str(member), str(data)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return np.load(out)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return worker(tmp_path_factory.mktemp("one") / "found.npz", 1, 1)


@pytest.mark.parametrize(("member", "data"), [(8, 1), (2, 4)])
def test_eight_devices_give_what_one_gives(tmp_path, one, member, data):
    eight = worker(tmp_path / "found.npz", member, data)
    for m in range(8):
        np.testing.assert_allclose(eight[f"loss{m}"], one[f"loss{m}"], rtol=1e-5)
        np.testing.assert_allclose(eight[f"logits{m}"], one[f"logits{m}"], atol=1e-4)
    assert eight["donated"] and list(eight["placed"]) == ["('member',)"]
    crossing = [line for line in eight["collectives"] if not within_a_member(line, data)]
    assert not crossing, crossing[:3]
    assert (len(eight["collectives"]) > 0) == (data > 1)


def within_a_member(line, data):
    """Whether a collective stays among the `data` devices that share their members: those of one `device // data`."""
    groups = re.search(r"replica_groups=\{((?:\{[\d,]*\},?)+)\}", line)
    if groups:
        each = [[int(x) for x in group.split(",")] for group in re.findall(r"\{([\d,]+)\}", groups[1])]
    else:
        rows, width = map(int, re.search(r"replica_groups=\[(\d+),(\d+)\]<=\[\d+\](?!T)", line).groups())
        each = np.arange(rows * width).reshape(rows, width).tolist()
    return all(len({device // data for device in group}) == 1 for group in each)


def test_collectives_across_members_are_detected():
    assert within_a_member("all-reduce(x), replica_groups={{0,1},{2,3}}, to_apply", 2)
    assert not within_a_member("all-reduce(x), replica_groups={{0,2},{1,3}}, to_apply", 2)
    assert within_a_member("all-gather(x), replica_groups=[2,4]<=[8], dims", 4)
    assert not within_a_member("all-gather(x), replica_groups=[1,8]<=[8], dims", 4)


def test_a_mesh_of_more_devices_than_there_are_is_an_error():
    with pytest.raises(UsageError, match="at least 64 x 64"):
        sharding.mesh(64, 64)
