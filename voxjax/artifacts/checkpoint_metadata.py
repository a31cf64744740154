"""The metadata of a checkpoint: of which run it is, what arrays it has, and digests by which damage is noticed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from voxjax.config_schema import Plain
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import sealed_json

OLD = {"extra", "arrays", "checksum"}  # keys of before: they covered the arrays alone


class Metadata(NamedTuple):
    """Metadata of the arrays, to check them before and after they are read."""

    step: int
    run: str  # JSON as text: of the run that the checkpoint belongs to
    extra: str  # JSON as text, which keeps infinities
    arrays: dict[str, str]  # path of a leaf -> dtype and shape
    content: str  # SHA-256 of all leaves; Orbax does not detect a flipped byte

    def sealed(self) -> dict[str, Any]:
        """The metadata as JSON values, with their digest."""
        return {**self._asdict(), sealed_json.DIGEST: sealed_json.digest(self._asdict())}

    def of_run(self) -> Plain:
        """The values that say which run the checkpoint belongs to."""
        return json.loads(self.run)

    def check(self, what: str, run: Plain, like: PyTree) -> None:
        """Checks that a checkpoint is of this run and has the arrays of `like` (Orbax would cast or truncate some).

        Raises:
            VoxJaxError: about `what`, if it is not.
        """
        do = "resume with the config the run began with, or choose another --workdir"
        own, wanted = self.of_run(), _described(like)
        same = {key for key in own.keys() & run.keys() if own[key] == run[key]}
        differ = sorted((own.keys() | run.keys()) - same)
        if differ:
            raise VoxJaxError(mismatch(what, "a checkpoint of this run", f"one with other {', '.join(differ)}", do))
        for name in sorted(wanted.keys() | self.arrays.keys()):
            expected = wanted[name] if name in wanted else "no such array"
            found = self.arrays[name] if name in self.arrays else "no such array"
            if expected != found:
                raise VoxJaxError(mismatch(f"{what} {name}", expected, found, do))


def of(step: int, run: Plain, extra: Plain, tree: PyTree) -> Metadata:
    """The metadata of a tree of arrays on the host."""
    return Metadata(step, json.dumps(run, sort_keys=True), json.dumps(extra), _described(tree), digest(tree))


def unsealed(values: Mapping[str, Any]) -> Metadata | None:
    """The metadata of which `sealed` gave these values; None if they differ from their digest."""
    own = {key: value for key, value in values.items() if key != sealed_json.DIGEST}
    if own.keys() != set(Metadata._fields) or values.keys() == own.keys():
        return None
    return Metadata(**own) if values[sealed_json.DIGEST] == sealed_json.digest(own) else None


def digest(tree: PyTree) -> str:
    """SHA-256 of all leaves in order, in hexadecimal."""
    running = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        running.update(np.ascontiguousarray(leaf).tobytes())
    return running.hexdigest()


def _described(tree: PyTree) -> dict[str, str]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): f"{leaf.dtype} {tuple(leaf.shape)}" for path, leaf in leaves}
