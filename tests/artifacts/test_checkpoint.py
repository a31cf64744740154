"""Checkpoints: bit-equal, the newest kept, and none incomplete."""

import gc
import math
import pathlib
import shutil
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.artifacts import checkpoint_metadata
from voxjax.artifacts.checkpoint import Checkpoints
from voxjax.errors import VoxJaxError
from voxjax.storage.paths import locate

# Orbax does not await its own tasks when a file is damaged.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def no_tasks_left():
    yield
    gc.collect()


def state(seed=0, width=40):
    rng = np.random.default_rng(seed)
    return {
        "params": {"dense": {"kernel": jnp.asarray(rng.normal(size=(width, 50)), jnp.float32)}},
        "half": jnp.asarray(rng.normal(size=7), jnp.bfloat16),
        "step": jnp.uint32(seed),
        "moments": (rng.normal(size=900).astype(np.float32), None),
        "empty": {},
    }


def assert_same(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True):
        assert type(a) is type(b) and a.dtype == b.dtype
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def newest(checkpoints):
    return checkpoints.restore_newest(state(), pytest.fail)[0]


@pytest.fixture
def saved(tmp_path):
    """A folder in which steps 1 and 2 were saved."""
    with Checkpoints(tmp_path / "run" / "checkpoints", keep=2) as checkpoints:
        checkpoints.save(1, state(1), {"epoch": 1})
        checkpoints.save(2, state(2), {"epoch": 2})
    return tmp_path / "run" / "checkpoints"


def test_a_restored_checkpoint_has_the_same_bits_and_extra(tmp_path):
    extra = {"epoch": 3, "best_uar": -math.inf, "history": [{"loss": 0.1}]}
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(3, state(3), extra)
        checkpoints.wait()
        tree, back = checkpoints.restore(state(0), 3)
    assert_same(tree, state(3))
    assert back == extra


def test_arrays_may_be_donated_right_after_saving(tmp_path):
    update = jax.jit(lambda x: x * 0.0 - 1.0, donate_argnums=0)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        x = jnp.arange(300_000, dtype=jnp.float32)
        checkpoints.save(1, {"x": x}, {})
        for _ in range(5):
            x = update(x)
        checkpoints.wait()
        tree, _ = checkpoints.restore({"x": np.zeros(300_000, np.float32)}, 1)
    np.testing.assert_array_equal(tree["x"], np.arange(300_000, dtype=np.float32))


def test_another_process_finds_only_the_checkpoints_kept(saved):
    with Checkpoints(saved, keep=2) as checkpoints:
        assert checkpoints.steps() == [1, 2]
        checkpoints.save(5, state(5), {"epoch": 5})
    with Checkpoints(saved, keep=2) as checkpoints:
        assert checkpoints.steps() == [2, 5]
        assert checkpoints.restore(state(), 2)[1] == {"epoch": 2}
        assert_same(newest(checkpoints), state(5))
        with pytest.raises(VoxJaxError, match="a whole checkpoint, found none"):
            checkpoints.restore(state(), 1)


def test_a_folder_without_checkpoints(tmp_path):
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert checkpoints.steps() == [] and checkpoints.newest_run() is None
        assert checkpoints.restore_newest(state(), pytest.fail) is None


@pytest.mark.parametrize(
    ("like", "message"),
    [
        (state(width=41), r"kernel.*expected float32 \(41, 50\), found float32 \(40, 50\)"),
        ({**state(), "step": jnp.float32(0)}, r"expected float32 \(\), found uint32 \(\)"),
        ({**state(), "more": jnp.zeros(2)}, "more.*found no such array"),
        ({k: v for k, v in state().items() if k != "half"}, "half.*expected no such array"),
    ],
)
def test_a_checkpoint_of_another_network_is_an_error(saved, like, message):
    with Checkpoints(saved, keep=2) as checkpoints, pytest.raises(VoxJaxError, match=message):
        checkpoints.restore_newest(like, pytest.fail)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def shorten(path):
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("damage", "pattern"),
    [
        (flip, "state/ocdbt.process_0/d/*"),
        (flip, "_CHECKPOINT_METADATA"),
        (shorten, "_CHECKPOINT_METADATA"),
        (pathlib.Path.unlink, "_CHECKPOINT_METADATA"),
        (pathlib.Path.unlink, "state/manifest.ocdbt"),
        (shutil.rmtree, "state"),
        (lambda path: shutil.copytree(path.parent.parent / "1", path.parent, dirs_exist_ok=True), "state"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_with_a_line_and_can_be_saved_again(saved, damage, pattern):
    files = list((saved / "2").glob(pattern))
    assert files
    for path in files:
        damage(path)
    with Checkpoints(saved, keep=2) as checkpoints:
        with pytest.raises(VoxJaxError, match=f"{saved / '2'}: expected a whole checkpoint"):
            checkpoints.restore(state(), 2)
        lines = []
        tree, extra = checkpoints.restore_newest(state(), lines.append)
        assert_same(tree, state(1))
        assert extra == {"epoch": 1} and checkpoints.steps() == [1]
        (line,) = lines
        assert line.startswith(f"{saved / '2'}: expected a whole checkpoint, found ")
        assert line.endswith(f"the run goes on from {saved / '1'}, which is whole")
        checkpoints.save(2, state(3), {"epoch": 2})
    with Checkpoints(saved, keep=2) as checkpoints:
        assert_same(newest(checkpoints), state(3))


def test_damage_in_all_checkpoints_is_one_line(saved):
    for step in "12":
        shutil.rmtree(saved / step / "state")
    with Checkpoints(saved, keep=2) as checkpoints:
        with pytest.raises(VoxJaxError, match=f"{saved}: expected a whole checkpoint, found damage in all .*another"):
            checkpoints.restore_newest(state(), pytest.fail)
        assert checkpoints.steps() == [1, 2]


def test_no_flipped_bit_in_the_metadata_is_read(saved):
    path = saved / "2" / "_CHECKPOINT_METADATA"
    whole = path.read_bytes()
    read = damaged = 0
    with Checkpoints(saved, keep=2) as checkpoints:
        for at in range(0, len(whole), 23):
            data = bytearray(whole)
            data[at] ^= 1 << at % 7  # times and names of Orbax are in it too
            path.write_bytes(data)
            try:
                tree, extra = checkpoints.restore(state(), 2)
            except VoxJaxError:
                damaged += 1
            else:
                read += 1
                assert extra == {"epoch": 2}
                assert_same(tree, state(2))
    assert damaged > 3 * read


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    run = {"hyper": {"learning_rate": 0.001}, "seed": 0}
    with Checkpoints(tmp_path, 2, run) as checkpoints:
        checkpoints.save(1, state(1), {})
    with Checkpoints(tmp_path, 2, {"seed": 0, "hyper": {"learning_rate": 0.001}}) as checkpoints:
        assert checkpoints.newest_run() == run
        assert_same(newest(checkpoints), state(1))
    other = {**run, "hyper": {"learning_rate": 0.002}}
    message = "a checkpoint of this run, found one with other hyper; resume with"
    with Checkpoints(tmp_path, 2, other) as checkpoints, pytest.raises(VoxJaxError, match=message):
        checkpoints.restore_newest(state(), pytest.fail)


def test_a_checkpoint_of_an_older_version_is_one_line(tmp_path, monkeypatch):
    older = {"extra": "{}", "arrays": {}, "checksum": 0}
    monkeypatch.setattr(checkpoint_metadata.Metadata, "sealed", lambda _: older)
    with Checkpoints(tmp_path, 2) as checkpoints:
        checkpoints.save(1, state(1), {})
        with pytest.raises(VoxJaxError, match="one of an older VoxJAX; finish the run with"):
            checkpoints.wait()
            checkpoints.restore_newest(state(), pytest.fail)


def test_an_interrupted_write_is_not_a_checkpoint(tmp_path):
    script = textwrap.dedent(
        f"""
        import os, pathlib
        import numpy as np
        from voxjax.artifacts.checkpoint import Checkpoints
        checkpoints = Checkpoints(pathlib.Path({str(tmp_path)!r}), keep=2)
        tree = {{"x": np.ones(9000)}}
        checkpoints.save(1, tree, {{}})
        checkpoints.wait()
        os.rename = os.replace = lambda *names: os._exit(9)  # killed with all written but the name
        checkpoints.save(2, tree, {{}})
        checkpoints.wait()
        """
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 9
    assert len(list(tmp_path.iterdir())) == 2  # the complete one and the interrupted one
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.steps() == [1]
        assert [path.name for path in tmp_path.iterdir()] == ["1"]
        checkpoints.save(2, state(2), {})  # it does not prevent further ones
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert_same(newest(checkpoints), state(2))


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VoxJaxError, match="expected a folder for checkpoints"):
        Checkpoints(tmp_path / "file", keep=1)


def test_a_bucket_keeps_the_newest_and_forgets_what_was_cut_off(bucket, gcs):
    folder = locate(bucket) / "run" / "checkpoints"
    with Checkpoints(folder, keep=2) as checkpoints:
        assert checkpoints.steps() == []
        for step in (1, 2, 3):
            checkpoints.save(step, state(step), {"epoch": step})
    names = {name.split("/")[2] for b, name in gcs.objects if f"gs://{b}" == bucket}
    assert names == {"2", "3"}
    (folder / "3" / "commit_success.txt").unlink()  # as if the process had been killed just before
    with Checkpoints(folder, keep=2) as checkpoints:
        assert checkpoints.steps() == [2]
        tree, extra = checkpoints.restore(state(), 2)
        assert_same(tree, state(2))
        assert extra == {"epoch": 2}
        checkpoints.save(3, state(4), {"epoch": 3})
    with Checkpoints(folder, keep=2) as checkpoints:
        assert_same(newest(checkpoints), state(4))
        assert checkpoints.steps() == [2, 3]
    shorten(folder / "3" / "_CHECKPOINT_METADATA")
    with Checkpoints(folder, keep=2) as checkpoints:
        lines = []
        assert_same(checkpoints.restore_newest(state(), lines.append)[0], state(2))
        assert len(lines) == 1 and checkpoints.steps() == [2]
