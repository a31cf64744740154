"""What the options of every network must keep to."""

from collections.abc import Sequence
from typing import Any

from voxjax.config import in_range, one_of
from voxjax.config_schema import thaw
from voxjax.errors import UsageError, mismatch

AFTER_CONVOLUTIONS = ("mean", "mean_max", "attention")
AFTER_LSTM = ("last", *AFTER_CONVOLUTIONS)

LARGEST = 65_536  # more is a slip of the hand, not a width


def sizes(options: Any, filled: Sequence[str]) -> None:
    """Refuses a number outside 1 to `LARGEST`, and an empty list in a field named in `filled`.

    Raises:
        UsageError: naming the option.
    """
    for name, value in thaw(options).items():
        if name in filled and not value:
            found = mismatch(f"config.model.{name}", "at least one number", "none", "give one for each layer")
            raise UsageError(found)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int):
                in_range(f"config.model.{name}", number, 1, LARGEST)


def pooling(kind: str, kinds: Sequence[str], channels: int, heads: int) -> None:
    """Refuses a pooling that is not one of `kinds`, or attention whose heads do not divide the channels.

    Raises:
        UsageError: with what to choose.
    """
    one_of("config.model.pooling", kind, kinds)
    if kind == "attention" and channels % heads:
        found = f"{heads} heads for {channels} channels"
        do = "choose config.model.heads to divide the channels (a BiLSTM has two for each of its units)"
        raise UsageError(mismatch("attention pooling", "an equal share of channels for each head", found, do))
