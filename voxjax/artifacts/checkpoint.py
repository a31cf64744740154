"""Checkpoints to resume from: a pytree of arrays and a little JSON, written atomically, read only if they are whole."""

import contextlib
import json
import logging
import shutil
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import PyTree
from orbax.checkpoint import v1 as ocp

from voxjax.artifacts import checkpoint_metadata
from voxjax.artifacts.checkpoint_metadata import Metadata
from voxjax.config_schema import Plain
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.paths import AnyPath

_COMMITTED = "commit_success.txt"  # Orbax writes it last where it can't rename


class _DamagedError(Exception):
    """A checkpoint is not what was saved."""


class Checkpoints:
    """The newest checkpoints of a run, in `folder/STEP`.

    Orbax writes in the background into a temporary folder that is renamed at the end; in a bucket,
    where nothing can be renamed, it writes a file at the end that says so. An interrupted write
    leaves no checkpoint. A context manager: leaving it waits for the last write.

    Args:
        folder: created if it is missing.
        keep: number of checkpoints that are kept, at least 1.
        run: JSON values that say which run this is, such as its config; checkpoints of another run are refused.

    Raises:
        VoxJaxError: at a folder that can't be used.
    """

    def __init__(self, folder: AnyPath, keep: int, run: Plain | None = None) -> None:
        self._keep, self._run = keep, run or {}
        self._folder = folder.absolute() if isinstance(folder, Path) else folder  # as Orbax wants it
        self._pending: ocp.AsyncResponse[None] | None = None
        try:
            if isinstance(folder, Path):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = mismatch(str(folder), "a folder for checkpoints", error.strerror, "check the path")
            raise VoxJaxError(what) from error
        self._remove_leftovers()
        self._inner = self._opened()

    def _opened(self) -> ocp.training.Checkpointer:
        with _quietly():
            return ocp.training.Checkpointer(
                self._folder,
                save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),
                preservation_policy=ocp.training.preservation_policies.LatestN(self._keep),
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
        metadata = checkpoint_metadata.of(step, self._run, extra, copied)
        self._pending = self._inner.save_async(step, copied, custom_metadata=metadata.sealed())

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

    def steps(self) -> list[int]:
        """The steps of all checkpoints, whole or damaged, in ascending order."""
        found = self._folder.iterdir() if self._folder.is_dir() else []  # an empty one does not exist in a bucket
        return sorted(int(path.name) for path in found if path.name.isdecimal())

    def restore(self, like: PyTree, step: int) -> tuple[PyTree, Plain]:
        """Reads one checkpoint.

        Args:
            like: a tree of the same structure; its leaves give shape, dtype and placement:
                JAX arrays on their device, NumPy arrays on the host.
            step: of the checkpoint.

        Returns:
            The tree, bit for bit as it was saved, and `extra`.

        Raises:
            VoxJaxError: if it is missing or damaged, or of another network, run or version.
        """
        try:
            return self._whole(like, step)
        except _DamagedError as error:
            do = "resume from another checkpoint"
            raise VoxJaxError(mismatch(str(self._folder / str(step)), "a whole checkpoint", error, do)) from error

    def restore_newest(self, like: PyTree, report: Callable[[str], object]) -> tuple[PyTree, Plain] | None:
        """Reads the newest whole checkpoint; damaged ones after it are deleted, so that they can be saved again.

        Args:
            like: as for `restore`.
            report: called with one line for each that was damaged.

        Returns:
            As `restore`; None without any checkpoint.

        Raises:
            VoxJaxError: if all are damaged, or the newest whole one is of another network, run or version.
        """
        damaged: dict[int, str] = {}
        for step in reversed(self.steps()):
            try:
                found = self._whole(like, step)
            except _DamagedError as error:
                damaged[step] = str(error)
                continue
            for each, what in damaged.items():
                do = f"nothing: the run goes on from {self._folder / str(step)}, which is whole"
                report(mismatch(str(self._folder / str(each)), "a whole checkpoint", what, do))
            self._delete(list(damaged))
            return found
        if damaged:
            every = "; ".join(f"{step}: {what}" for step, what in damaged.items())
            do = "start again in another --workdir"
            raise VoxJaxError(mismatch(str(self._folder), "a whole checkpoint", f"damage in all ({every})", do))
        return None

    def newest_run(self) -> Plain | None:
        """The run that the newest checkpoint with whole metadata belongs to; None where there is none.

        Raises:
            VoxJaxError: if it is of an older version.
        """
        for step in reversed(self.steps()):
            with contextlib.suppress(_DamagedError):
                return self._metadata(step).of_run()
        return None

    def _whole(self, like: PyTree, step: int) -> tuple[PyTree, Plain]:
        """A checkpoint if it is whole.

        Raises:
            _DamagedError: if it is not.
            VoxJaxError: if it is of another network, run or version.
        """
        metadata = self._metadata(step)
        metadata.check(str(self._folder / str(step)), self._run, like)
        try:
            with _quietly():
                tree = self._inner.load(step, like)
        except Exception as error:  # Orbax and TensorStore raise many kinds
            raise _DamagedError(_one_line(error)) from error
        if checkpoint_metadata.digest(tree) != metadata.content:
            raise _DamagedError("other bytes than were saved")
        return tree, json.loads(metadata.extra)

    def _metadata(self, step: int) -> Metadata:
        """The metadata of a checkpoint if they are whole; errors are those of `_whole`."""
        folder = self._folder / str(step)
        if not folder.is_dir():
            raise _DamagedError("none")
        try:
            with _quietly():
                found = dict(self._inner.metadata(step).custom_metadata)
        except Exception as error:  # Orbax raises many kinds
            raise _DamagedError(_one_line(error)) from error
        if found.keys() == checkpoint_metadata.OLD:
            do = "finish the run with the VoxJAX that began it, or start again in another --workdir"
            raise VoxJaxError(mismatch(str(folder), "a checkpoint of this version", "one of an older VoxJAX", do))
        metadata = checkpoint_metadata.unsealed(found)
        if metadata is None or metadata.step != step:
            raise _DamagedError("other metadata than were saved")
        return metadata

    def _delete(self, steps: list[int]) -> None:
        """Deletes checkpoints, also from what Orbax knows."""
        if not steps:
            return
        if jax.process_index() == 0:
            for step in steps:
                folder = self._folder / str(step)
                shutil.rmtree(folder) if isinstance(folder, Path) else folder.rmtree()
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("damaged checkpoints are deleted")
        self._inner.close()
        self._inner = self._opened()

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


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the log lines of Orbax, which quote whole files of metadata; it raises its failures as well."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _one_line(error: Exception) -> str:
    text = " ".join(f"{type(error).__name__} {error}".split())
    return "no space left on the disk" if "No space left on device" in text else text[:160]
