"""Which clips of a test speaker enrol that person, and which are tested: the protocol `enrolled`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from voxjax.data.manifest import Manifest
from voxjax.data.splits import Indices, Split

ALL = -1  # all clips of the person but the tested one
COUNTS = (0, 3, 5, 10, 20, ALL)
DRAWS = 5  # of the enrolling clips, for each person and number of clips


def is_enrolled(protocol: str) -> bool:
    """Whether clips of the test speakers, without their labels, are known beforehand."""
    return protocol.partition(":")[0] == "enrolled"


class Draw(NamedTuple):
    """Clips of one person, or of a corpus, as indices into the manifest."""

    known: int  # clips that enrol, one of `COUNTS`
    enrolled: Indices
    tested: Indices


def people(manifest: Manifest, split: Split) -> dict[str, Indices]:
    """The test clips of each person, in sorted order."""
    voices = np.array([manifest.clips[i].voice for i in split.test])
    return {str(voice): split.test[voices == voice] for voice in np.unique(voices)}


def draws(manifest: Manifest, clips: Indices, seed: Sequence[int], counts: Sequence[int] = COUNTS) -> list[Draw]:
    """All draws for one person. A clip that enrols is not tested, and neither is another copy of its recording.

    For a number of clips, that many are drawn at random, five times, and all remaining ones are tested; more clips of
    one draw hold the fewer. With all, each clip is tested once, and all the others enrol. A number that leaves no clip
    to test has no draws.

    Args:
        manifest: of the clips.
        clips: of the person.
        seed: of the draws; include the person.
        counts: values of `COUNTS`.
    """
    recordings = np.array([manifest.clips[i].recording_id for i in clips])
    orders = [np.random.default_rng([*seed, draw]).permutation(len(clips)) for draw in range(DRAWS)]
    found = []
    for count in counts:
        if count == 0:
            found.append(Draw(0, clips[:0], clips))
        elif count == ALL:
            for i in range(len(clips)):
                found.append(Draw(ALL, clips[recordings != recordings[i]], clips[i : i + 1]))
        else:
            for order in orders:
                chosen = np.sort(order[:count])
                rest = np.flatnonzero(~np.isin(recordings, recordings[chosen]))
                found.append(Draw(count, clips[chosen], clips[rest]))
    return [draw for draw in found if len(draw.tested) and (len(draw.enrolled) or not draw.known)]
