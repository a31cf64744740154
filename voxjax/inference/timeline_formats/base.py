"""Definitions common to all formats of timelines."""

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

from voxjax.errors import UsageError, mismatch
from voxjax.inference.segments import Timeline


class TimelineFormat(NamedTuple):
    """A way to write timelines as a file.

    Attributes:
        suffix: of the file, as ".csv".
        several: whether one file can hold several recordings; if not, each recording gets a file of its own.
        write: the bytes of a file with these timelines; exactly one of them where `several` is false.
        module: of the extra [annotate] that it needs, "" for none.
    """

    suffix: str
    several: bool
    write: Callable[[Sequence[Timeline]], bytes]
    module: str = ""


def package(module: str) -> ModuleType:
    """A module of a package of the extra [annotate].

    Args:
        module: its full name.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        do = "pip install 'voxjax[annotate]'"
        raise UsageError(mismatch("this format", f"the package {name}", "none", do)) from error


def check_installed(style: TimelineFormat) -> None:
    """Checks that a format can be written.

    Raises:
        UsageError: if its package is not installed.
    """
    if style.module:
        package(style.module)
