"""How much a benchmark measures."""

from typing import NamedTuple


class BenchmarkPlan(NamedTuple):
    """The flags of the command that are not in a config."""

    rounds: int  # how often each is timed
    folds: int = 1  # from the config's fold on
    peers: tuple[str, ...] = ()  # other libraries that take part
    seconds: float = 3600.0  # of the long recording
    files: int = 256  # in the folder
    largest: int = 8  # the most members and devices
