"""Damage of every file that VoxJAX writes and reads back: nothing else may come of it than what was written.

Each trial damages one file, reads what it belongs to as VoxJAX does, and puts the file back. What comes of it is

- `equal`: the same result without a change of files, as the bytes are not used or a copy is kept elsewhere;
- `rebuilt`: the same result, and the file is written again;
- `fell_back`: the checkpoint before it, with a line that says so;
- `refused`: one line for the user;
- `accepted`: another result without a line, which is a fault;
- `uncaught`: another exception than one with a line for the user, which is a fault.
"""

import collections
import logging
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.benchmarks.soak import damage_targets
from voxjax.benchmarks.soak.damage_targets import Target
from voxjax.errors import UsageError, VoxJaxError

_EXAMPLES = 5  # of each kind of fault
_BLOCK_BYTES = 512


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Damages files of a small run, of its caches and of a download, and counts what comes of it.

    Args:
        folder: an empty one, for all that it writes.
        count: of damages, spread over the kinds of files.
        seed: of the damages.

    Returns:
        Counts of outcomes in total, by kind of file and by kind of damage, and examples of faults.
    """
    rng = np.random.default_rng(seed)
    targets = damage_targets.build(folder / "whole")
    weights = np.array([one.weight for one in targets])
    counts = np.bincount(rng.choice(len(targets), count, p=weights / weights.sum()), minlength=len(targets))
    by_target: dict[str, collections.Counter[str]] = {}
    by_damage: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in DAMAGES}
    faults: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Orbax leaves tasks behind where a file is damaged
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        for target, own in zip(targets, counts, strict=True):
            found = by_target.setdefault(target.name, collections.Counter())
            for _ in range(own):
                damage, where, outcome, detail = _trial(target, folder / "kept", rng)
                found[outcome] += 1
                by_damage[damage][outcome] += 1
                if outcome in ("accepted", "uncaught"):
                    faults.append(f"{target.name}: {damage} of {where}: {outcome}: {detail}")
    total: collections.Counter[str] = sum(by_target.values(), collections.Counter())
    return {
        "damages": count,
        "seed": seed,
        **{name: total[name] for name in ("accepted", "uncaught", "refused", "rebuilt", "fell_back", "equal")},
        "by_kind_of_file": {name: dict(sorted(one.items())) for name, one in by_target.items()},
        "by_kind_of_damage": {name: dict(sorted(one.items())) for name, one in by_damage.items()},
        "faults": faults[:_EXAMPLES],
    }


def _trial(target: Target, kept: Path, rng: np.random.Generator) -> tuple[str, str, str, str]:
    """One damage, and what came of it: the damage, the file, the outcome, and what was said."""
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(target.folder, kept)
    files = target.files()
    path = files[int(rng.integers(len(files)))]
    names = list(DAMAGES)
    damage = names[int(rng.integers(len(names)))]
    DAMAGES[damage](path, files, rng)
    damaged = path.read_bytes() if path.is_file() else None
    lines: list[str] = []
    try:
        result = target.read(lines.append)
    except (VoxJaxError, UsageError) as error:
        outcome, detail = ("refused" if "\n" not in str(error) else "uncaught"), str(error)
    except Exception as error:
        outcome, detail = "uncaught", f"{type(error).__name__}: {error}"
    else:
        detail = "; ".join(lines)
        changed = (path.read_bytes() if path.is_file() else None) != damaged
        if result == target.result:
            outcome = "rebuilt" if changed else "equal"
        else:
            outcome = "fell_back" if result in target.older and lines else "accepted"
    where = path.relative_to(target.folder).as_posix()
    shutil.rmtree(target.folder)
    shutil.copytree(kept, target.folder)
    return damage, where, outcome, detail


def _flip(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    del files
    data = bytearray(path.read_bytes())
    if data:
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def _flips(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(2, 20))):
        _flip(path, files, rng)


def _truncate(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    del files
    data = path.read_bytes()
    path.write_bytes(data[: int(rng.integers(len(data) + 1))])


def _empty(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    del files, rng
    path.write_bytes(b"")


def _zero(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    del files
    data = bytearray(path.read_bytes())
    start = int(rng.integers(len(data) + 1))
    block = data[start : start + _BLOCK_BYTES]
    data[start : start + _BLOCK_BYTES] = bytes(len(block))
    path.write_bytes(data)


def _append(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    del files
    path.write_bytes(path.read_bytes() + rng.bytes(int(rng.integers(1, 600))))


def _cut_out(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    del files
    data = path.read_bytes()
    start = int(rng.integers(len(data) + 1))
    path.write_bytes(data[:start] + data[start + int(rng.integers(1, 600)) :])


def _delete(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    del files, rng
    path.unlink()


def _swap(path: Path, files: Sequence[Path], rng: np.random.Generator) -> None:
    """The contents of two files change places."""
    other = files[int(rng.integers(len(files)))]
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)


DAMAGES: dict[str, Callable[[Path, Sequence[Path], np.random.Generator], None]] = {
    "flipped_bit": _flip,
    "flipped_bits": _flips,
    "truncation": _truncate,
    "emptied": _empty,
    "zeroed_block": _zero,
    "appended_bytes": _append,
    "lost_bytes": _cut_out,
    "deletion": _delete,
    "swapped_files": _swap,
}
