"""Sizes and reading times of the shipped weights as NumPy archives and as safetensors.

python docs/results/weights_format.py docs/results/weights_format.json
"""

import hashlib
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.numpy

from voxjax.storage import atomic
from voxjax.storage.provenance import provenance

ROUNDS = 15
ROOT = Path(__file__).resolve().parents[2]


def read_npz(content: bytes) -> dict[str, np.ndarray]:
    """Arrays of a NumPy archive."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def seconds(path: Path, read: Callable[[bytes], dict[str, np.ndarray]]) -> float:
    """Median time to read a file, hash it, and make arrays of it, as a predictor does."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        content = path.read_bytes()
        hashlib.sha256(content).hexdigest()
        total = sum(float(array.reshape(-1)[:1].sum()) for array in read(content).values() if array.dtype.kind == "f")
        times.append(time.perf_counter() - start + 0.0 * total)
    return float(np.median(times))


def main() -> None:
    rows = []
    for path in sorted((ROOT / "checkpoints").glob("*/*.npz")):
        if path.name not in ("weights.npz", "encoder.npz"):
            continue
        arrays = read_npz(path.read_bytes())
        numbers = {name: array for name, array in arrays.items() if array.dtype.kind != "U"}
        other = Path(sys.argv[1]).with_suffix(".safetensors")
        other.write_bytes(safetensors.numpy.save({name: np.ascontiguousarray(one) for name, one in numbers.items()}))
        rows.append(
            {
                "file": str(path.relative_to(ROOT)),
                "arrays": len(arrays),
                "texts": len(arrays) - len(numbers),  # which safetensors can't hold
                "npz_bytes": path.stat().st_size,
                "safetensors_bytes": other.stat().st_size,
                "npz_ms": round(1e3 * seconds(path, read_npz), 2),
                "safetensors_ms": round(1e3 * seconds(other, safetensors.numpy.load), 2),
            }
        )
        other.unlink()
    found = {**provenance(), "rounds": ROUNDS, "files": rows}
    atomic.write(Path(sys.argv[1]), json.dumps(found, indent=1) + "\n")


main()
