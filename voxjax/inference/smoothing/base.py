"""Definitions common to all kinds of smoothing.

Letters: N windows of one speaker in their order, K classes.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

# From log-probabilities, the weight of each window (the part of its length that it alone answers for) and the seconds
# without speech before it, 0 for the first, to the class of each window.
Smooth = Callable[
    [Float[np.ndarray, "N K"], Float[np.ndarray, " N"], Float[np.ndarray, " N"]],
    Int[np.ndarray, " N"],
]
