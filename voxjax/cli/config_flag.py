"""`--config=FILE` with overrides as `--config.a.b=v`: checked before absl sees them, frozen after."""

import dataclasses
import re
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from voxjax.cli import usage
from voxjax.config import FEATURE_KINDS, Config, merged_features
from voxjax.config_schema import freeze
from voxjax.errors import UsageError, mismatch

_FILE = re.compile(r"--?config(?:=(.*))?$", re.DOTALL)
_KEY = re.compile(r"--?(?:no)?config\.([^=]+)(?:=(.*))?", re.DOTALL)
_KIND = re.compile(r"--?config\.features\.kind=(\w+)$")
_WORDS = re.compile(r"[A-Za-z]\w*(,[A-Za-z]\w*)+")
_HELP = "Config file; --config.KEY=VALUE, as --config.train.epochs=3, overrides one of its values."


def define(argv: Sequence[str], default: str) -> list[str]:
    """Defines the flag.

    Args:
        argv: as `sys.argv`.
        default: file that is meant where none is named, looked for here and beside the scripts.

    Returns:
        The arguments without the name of the file, which is read here: `ml_collections` does it by
        means that new versions of Python lack, and with errors of many lines.

    Raises:
        UsageError: at a file that is missing or is no config, or an override of a key it doesn't have.
    """
    path, rest = _split(list(argv[1:]), default)
    config = _with_kind(_load(path), rest)
    known = config.to_dict()
    whole = [argv[0], *(_checked(argument, known) for argument in rest)]
    config_flags.DEFINE_config_dict("config", config, f"{_HELP} (default: {default})", sys_argv=whole)
    return whole


def resolved() -> Config:
    """The config of the parsed flags, complete and frozen.

    Raises:
        UsageError: at a value out of its range.
    """
    return freeze(Config, flags.FLAGS.config.to_dict())


def _split(arguments: list[str], default: str) -> tuple[Path, list[str]]:
    """The config file that is named last, and all other arguments."""
    path, rest = None, []
    while arguments:
        argument = arguments.pop(0)
        found = _FILE.match(argument)
        if argument == "--":
            rest += [argument, *arguments]
            break
        if not found:
            rest.append(argument)
        elif found[1] is None and not arguments:
            raise UsageError(mismatch("--config", "a file", "nothing", "write --config=FILE"))
        else:
            path = Path(arguments.pop(0) if found[1] is None else found[1])
    return _default(default) if path is None else path, rest


def _default(path: str) -> Path:
    here = Path(path)
    return here if here.exists() else Path(sys.argv[0]).resolve().parent.parent / path


def _load(path: Path) -> ConfigDict:
    """What the `get_config()` of a file gives."""
    if not path.is_file():
        known = sorted(str(file) for file in path.parent.glob("*.py"))
        do = usage.nearest(str(path), known, f"choose one of {', '.join(known)}" if known else "check the path")
        raise UsageError(mismatch("--config", "a config file", f"no file '{path}'", do))
    try:
        config = runpy.run_path(str(path))["get_config"]()
    except UsageError:
        raise
    except Exception as error:  # whatever a user's own file does wrong
        found = f"{type(error).__name__}: {' '.join(str(error).split())}"
        do = "compare it with configs/optimized.py"
        raise UsageError(mismatch(str(path), "a get_config() that gives a config", found, do)) from error
    if not isinstance(config, ConfigDict):
        do = "return config_dict(Config(...)) from it"
        raise UsageError(mismatch(f"{path} get_config()", "a ConfigDict", type(config).__name__, do))
    return config


def _with_kind(config: ConfigDict, arguments: Sequence[str]) -> ConfigDict:
    """The config with the fields of another kind of features, where `--config.features.kind=…` names one."""
    named = [found[1] for argument in arguments if (found := _KIND.match(argument))]
    if named and named[-1] in FEATURE_KINDS and named[-1] != config.features.kind:
        values = merged_features(config.features.to_dict(), {"kind": named[-1]})
        defaults = {field.name: field.default for field in dataclasses.fields(FEATURE_KINDS[named[-1]])}
        config.features = ConfigDict({**defaults, **values})
    return config


def _checked(argument: str, known: Mapping[str, Any]) -> str:
    """The argument, `a,b` spelled as a tuple where one is meant, if it overrides what exists."""
    found = _KEY.match(argument)
    if not found:
        return argument
    at: Any = known
    prefix = "--config"
    for part in found[1].split("."):
        if not isinstance(at, Mapping) or part not in at:
            raise UsageError(_unknown_key(prefix, part, at))
        at, prefix = at[part], f"{prefix}.{part}"
    words = found[2]
    if isinstance(at, tuple) and words is not None and _WORDS.fullmatch(words):
        return f"{prefix}={tuple(words.split(','))}"
    return argument


def _unknown_key(prefix: str, part: str, at: Any) -> str:
    names = tuple(at) if isinstance(at, Mapping) else ()
    do = usage.nearest(part, names, f"choose one of {', '.join(names)}" if names else "end the name here")
    return mismatch(prefix, "a known key" if names else "no key below this one", f"'{part}'", do)
