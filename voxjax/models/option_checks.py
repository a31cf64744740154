"""Checks of options that are common to all networks."""

from collections.abc import Sequence
from typing import Any

from voxjax.config import in_range, one_of
from voxjax.config_schema import thaw
from voxjax.errors import UsageError, mismatch

AFTER_CONVOLUTIONS = ("mean", "mean_max", "attention")
AFTER_LSTM = ("last", *AFTER_CONVOLUTIONS)

LARGEST = 65_536  # larger numbers are taken for typing errors
MOST_LAYERS = 32  # of one kind


def check_sizes(options: Any, nonempty: Sequence[str]) -> None:
    """Checks that integers lie in 1 to `LARGEST`, and that fields hold at most `MOST_LAYERS`, those in `nonempty` some.

    Raises:
        UsageError: with the name of the option.
    """
    for name, value in thaw(options).items():
        if name in nonempty and not value:
            found = mismatch(f"config.model.{name}", "at least one number", "none", "give one per layer")
            raise UsageError(found)
        if isinstance(value, tuple):
            in_range(f"config.model.{name}, number of values", len(value), 0, MOST_LAYERS)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int):
                in_range(f"config.model.{name}", number, 1, LARGEST)


def check_pooling(pooling: str, allowed: Sequence[str], channels: int, heads: int) -> None:
    """Checks that a pooling is one of `allowed`, and that the heads of attention pooling divide the channels.

    Raises:
        UsageError: with the values to choose from.
    """
    one_of("config.model.pooling", pooling, allowed)
    if pooling == "attention" and channels % heads:
        found = f"{heads} heads for {channels} channels"
        do = "choose config.model.heads to divide the channels (a BiLSTM has two for each of its units)"
        raise UsageError(mismatch("attention pooling", "heads that divide the channels", found, do))
