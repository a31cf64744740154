"""Checkpoints to resume from: a pytree of arrays and a little JSON, written atomically."""

import contextlib
import json
import shutil
import types
import zlib
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree
from orbax.checkpoint import v1 as ocp

from voxjax.config_schema import Plain
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.paths import AnyPath

_COMMITTED = "commit_success.txt"  # Orbax writes it last where it can't rename


class _Metadata(NamedTuple):
    """Metadata of the arrays, to check them before and after they are read."""

    extra: str  # JSON as text, which keeps infinities
    arrays: dict[str, str]  # path of a leaf -> dtype and shape
    checksum: int  # CRC-32 of all leaves; Orbax does not detect a flipped byte


class Checkpoints:
    """The newest checkpoints of a run, in `folder/STEP`.

    Orbax writes in the background into a temporary folder that is renamed at the end; in a bucket,
    where nothing can be renamed, it writes a file at the end that says so. An interrupted write
    leaves no checkpoint. A context manager: leaving it waits for the last write.

    Args:
        folder: created if it is missing.
        keep: number of checkpoints that are kept, at least 1.

    Raises:
        VoxJaxError: at a folder that can't be used.
    """

    def __init__(self, folder: AnyPath, keep: int) -> None:
        self._folder = folder.absolute() if isinstance(folder, Path) else folder  # as Orbax wants it
        self._pending: ocp.AsyncResponse[None] | None = None
        try:
            if isinstance(folder, Path):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = mismatch(str(folder), "a folder for checkpoints", error.strerror, "check the path")
            raise VoxJaxError(what) from error
        self._remove_leftovers()
        self._inner = ocp.training.Checkpointer(
            self._folder,
            save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def save(self, step: int, tree: PyTree, extra: Plain) -> None:
        """Copies the tree and returns; the copy is written in the background.

        Args:
            step: larger than that of any checkpoint here.
            tree: arrays of any dtype, on any device of this process; they may be donated afterwards.
            extra: JSON values.

        Raises:
            VoxJaxError: if the write before this one failed, as on a full disk.
        """
        self.wait()
        copied = jax.tree.map(np.array, tree)
        metadata = _Metadata(json.dumps(extra), _described(copied), _checksum(copied))
        self._pending = self._inner.save_async(step, copied, custom_metadata=metadata._asdict())

    def wait(self) -> None:
        """Waits until everything saved is on disk.

        Raises:
            VoxJaxError: if a write failed.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return
        try:
            pending.result()
        except Exception as error:
            self._remove_leftovers()
            do = "free some space, check permissions, and go on with --resume"
            raise VoxJaxError(mismatch(str(self._folder), "to write a checkpoint", _one_line(error), do)) from error

    def latest(self) -> int | None:
        """The step of the newest complete checkpoint; None without any."""
        newest = self._inner.latest
        return None if newest is None else newest.step

    def restore(self, like: PyTree, step: int | None = None) -> tuple[PyTree, Plain]:
        """Reads a checkpoint.

        Args:
            like: a tree of the same structure; its leaves give shape, dtype and placement:
                JAX arrays on their device, NumPy arrays on the host.
            step: None is the newest.

        Returns:
            The tree, bit for bit as it was saved, and `extra`.

        Raises:
            VoxJaxError: if there is none, or it is damaged or of another network.
        """
        step = self.latest() if step is None else step
        folder = self._folder / str(step)
        if step is None or not folder.is_dir():
            do = "start the run without --resume"
            raise VoxJaxError(mismatch(str(self._folder), "a checkpoint", "none", do))
        try:
            metadata = _Metadata(**self._inner.metadata(step).custom_metadata)
            _check_arrays(folder, like, metadata)
            tree = self._inner.load(step, like)
            if _checksum(tree) != metadata.checksum:
                raise ValueError("other bytes than were saved")
        except VoxJaxError:
            raise
        except Exception as error:  # Orbax and TensorStore raise many kinds
            do = "delete that folder to go on from the checkpoint before it"
            raise VoxJaxError(mismatch(str(folder), "a whole checkpoint", _one_line(error), do)) from error
        return tree, json.loads(metadata.extra)

    def close(self) -> None:
        """Waits for the last write and ends the background work.

        Raises:
            VoxJaxError: if that write failed.
        """
        try:
            self.wait()
            self._inner.close()
        except VoxJaxError:
            with contextlib.suppress(Exception):  # it raises the same error again
                self._inner.close()
            raise

    def _remove_leftovers(self) -> None:
        """Removes leftovers of interrupted writes; only the first process does."""
        if jax.process_index() > 0:
            return
        if isinstance(self._folder, Path):
            for leftover in self._folder.glob("*.orbax-checkpoint-tmp*"):
                shutil.rmtree(leftover)
        elif self._folder.is_dir():
            for step in self._folder.iterdir():
                if step.name.isdecimal() and not (step / _COMMITTED).exists():
                    step.rmtree()


def _described(tree: PyTree) -> dict[str, str]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): f"{leaf.dtype} {tuple(leaf.shape)}" for path, leaf in leaves}


def _checksum(tree: PyTree) -> int:
    total = 0
    for leaf in jax.tree.leaves(tree):
        total = zlib.crc32(np.ascontiguousarray(leaf).tobytes(), total)
    return total


def _check_arrays(folder: AnyPath, like: PyTree, metadata: _Metadata) -> None:
    """Checks that a checkpoint has the arrays of `like` (Orbax would cast or truncate some)."""
    wanted = _described(like)
    for name in sorted(wanted.keys() | metadata.arrays.keys()):
        expected = wanted[name] if name in wanted else "no such array"
        found = metadata.arrays[name] if name in metadata.arrays else "no such array"
        if expected != found:
            do = "resume with the config the run began with, or choose another --workdir"
            raise VoxJaxError(mismatch(f"{folder} {name}", expected, found, do))


def _one_line(error: Exception) -> str:
    text = " ".join(f"{type(error).__name__} {error}".split())
    return "no space left on the disk" if "No space left on device" in text else text[:160]
