"""The shape of the network whose training step is timed, and its clips: NumPy alone, shared with the peers."""

import numpy as np
from jaxtyping import Float, Int

BATCH = 32
POSITIONS = 392  # of one channel: the training guide's numbers of a clip
CLASSES = 8
FILTERS = (32, 64, 64)  # of each branch, one number per block
KERNELS = (3, 5, 7)
REDUCTION = 8  # of squeeze-and-excitation
LSTM = (128, 64)  # units in each direction
DENSE = (256, 128)
OPTIONS = {"filters": FILTERS, "kernels": KERNELS, "reduction": REDUCTION, "lstm": LSTM, "dense": DENSE}
DROPOUT, HEAD_DROPOUT = 0.2, 0.3
MIXUP_ALPHA = 0.2
LEARNING_RATE = 1e-3
CLIPS = 256


def clips() -> tuple[Float[np.ndarray, "clips 392 1"], Int[np.ndarray, " clips"]]:
    """Standard normal features and labels; what they are changes no time."""
    random = np.random.default_rng(0)
    values = random.normal(size=(CLIPS, POSITIONS, 1)).astype(np.float32)
    return values, random.integers(0, CLASSES, CLIPS).astype(np.int32)


def batch(number: int) -> Int[np.ndarray, " 32"]:
    """The rows of a step's clips."""
    first = number * BATCH % CLIPS
    return np.arange(first, first + BATCH, dtype=np.int32)
