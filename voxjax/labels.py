"""The emotions, in the order every array of classes follows."""

import collections.abc

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def ordered(names: collections.abc.Iterable[str]) -> tuple[str, ...]:
    """The distinct names: known emotions in the order of `EMOTIONS`, then all others by alphabet."""
    rank = {name: i for i, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))
