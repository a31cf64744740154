"""Checkpoints: bit-equal, the newest kept, and none incomplete."""

import math
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.artifacts.checkpoint import Checkpoints
from voxjax.errors import VoxJaxError
from voxjax.storage.paths import locate


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
        tree, back = checkpoints.restore(state(0))
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
        tree, _ = checkpoints.restore({"x": np.zeros(300_000, np.float32)})
    np.testing.assert_array_equal(tree["x"], np.arange(300_000, dtype=np.float32))


def test_another_process_finds_only_the_checkpoints_kept(saved):
    with Checkpoints(saved, keep=2) as checkpoints:
        assert checkpoints.latest() == 2
        checkpoints.save(5, state(5), {"epoch": 5})
    with Checkpoints(saved, keep=2) as checkpoints:
        assert checkpoints.latest() == 5
        assert checkpoints.restore(state(), 2)[1] == {"epoch": 2}
        assert_same(checkpoints.restore(state())[0], state(5))
        with pytest.raises(VoxJaxError, match="a checkpoint, found none"):
            checkpoints.restore(state(), 1)


def test_a_folder_without_checkpoints(tmp_path):
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest() is None
        with pytest.raises(VoxJaxError, match="expected a checkpoint, found none"):
            checkpoints.restore(state())


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
        checkpoints.restore(like)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("pattern", ["state/ocdbt.process_0/d/*", "_CHECKPOINT_METADATA"])
# Orbax does not await its own tasks when a file is damaged.
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_checkpoint_is_an_error_that_names_the_folder(saved, pattern):
    files = list((saved / "2").glob(pattern))
    assert files
    for path in files:
        flip(path)
    with Checkpoints(saved, keep=2) as checkpoints:
        with pytest.raises(VoxJaxError, match=f"{saved / '2'}: expected a whole checkpoint"):
            checkpoints.restore(state())
        assert_same(checkpoints.restore(state(), 1)[0], state(1))


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
        assert checkpoints.latest() == 1
        assert [path.name for path in tmp_path.iterdir()] == ["1"]
        checkpoints.save(2, state(2), {})  # it does not prevent further ones
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert_same(checkpoints.restore(state())[0], state(2))


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VoxJaxError, match="expected a folder for checkpoints"):
        Checkpoints(tmp_path / "file", keep=1)


def test_a_bucket_keeps_the_newest_and_forgets_what_was_cut_off(bucket, gcs):
    folder = locate(bucket) / "run" / "checkpoints"
    with Checkpoints(folder, keep=2) as checkpoints:
        assert checkpoints.latest() is None
        for step in (1, 2, 3):
            checkpoints.save(step, state(step), {"epoch": step})
    names = {name.split("/")[2] for b, name in gcs.objects if f"gs://{b}" == bucket}
    assert names == {"2", "3"}
    (folder / "3" / "commit_success.txt").unlink()  # as if the process had been killed just before
    with Checkpoints(folder, keep=2) as checkpoints:
        assert checkpoints.latest() == 2
        tree, extra = checkpoints.restore(state())
        assert_same(tree, state(2))
        assert extra == {"epoch": 2}
        checkpoints.save(3, state(4), {"epoch": 3})
    with Checkpoints(folder, keep=2) as checkpoints:
        assert_same(checkpoints.restore(state())[0], state(4))
        assert checkpoints.latest() == 3
