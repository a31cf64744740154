"""Definitions common to all detectors of voice activity."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32

FRAME_S = 0.02
SECTION_S = 60.0  # of a recording, given to a detector at once

# From the next section `[time]` of one recording to whether somebody speaks in each of its frames, whole frames alone.
# It may keep a state, so that each recording needs a detector of its own.
Detector = Callable[[Float32[np.ndarray, " time"]], Bool[np.ndarray, " frames"]]
MakeDetector = Callable[[int], Detector]  # from the sample rate in Hz
