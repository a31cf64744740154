"""`--config=NAME` with overrides as `--config.a.b=v` or `--a.b=v`: checked before absl parses them, frozen after."""

import re
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from voxjax import names
from voxjax.cli import config_files, help, renamed_keys
from voxjax.config import Config
from voxjax.config_schema import dotted, freeze
from voxjax.errors import UsageError, mismatch

_FILE = re.compile(r"--?config(?:=(.*))?$", re.DOTALL)
_KEY = re.compile(r"--?(?:no)?config\.([^=]+)(?:=(.*))?", re.DOTALL)
_FLAG = re.compile(r"--?([A-Za-z][\w.-]*)(=.*)?", re.DOTALL)
_WORDS = re.compile(r"[A-Za-z]\w*(,[A-Za-z]\w*)+")
_HELP = (
    "Config by name, as optimized, or a file; --config.KEY=VALUE, as --config.train.epochs=3, overrides a value. The "
    "prefix may be left out: --corpus=ravdess --protocol=speaker5 --train.epochs=3."
)


def define(argv: Sequence[str], default: str) -> list[str]:
    """Defines the flag.

    Args:
        argv: as `sys.argv`.
        default: name of the config if the arguments give none.

    Returns:
        The arguments without the name of the config, which is read here: `ml_collections` would read it
        with functions that new versions of Python lack, and with errors of many lines.

    Raises:
        UsageError: at a config that is missing or invalid, an override of a key it doesn't have, or a flag that is
            neither the command's nor a value of the config.
    """
    given, rest = _split(list(argv[1:]), default)
    config = _load(given)
    known = config.to_dict()
    checked = [argv[0], *(_checked(_with_prefix(argument, known), known) for argument in rest)]
    config_flags.DEFINE_config_dict("config", config, f"{_HELP} (default: {default})", sys_argv=checked)
    return checked


def resolved() -> Config:
    """The config of the parsed flags, complete and frozen.

    Raises:
        UsageError: at a value out of its range.
    """
    return freeze(Config, flags.FLAGS.config.to_dict())


def changed() -> tuple[str, ...]:
    """The keys that the parsed flags override, as `train.epochs`."""
    return tuple(overrides())


def overrides() -> dict[str, Any]:
    """The values of the parsed flags that the arguments override, by dotted key."""
    return dict(config_flags.get_override_values(flags.FLAGS["config"]))


def named_in(argv: Sequence[str]) -> str | None:
    """The config that arguments, as `sys.argv`, name; None if they name none."""
    return _split(list(argv[1:]), "")[0] or None


def named(name: str, values: Mapping[str, Any]) -> Config:
    """A config by name, with the values of some dotted keys, complete and frozen.

    Raises:
        UsageError: at a config that is missing, a key that it doesn't have, or a value out of its range.
    """
    config = _load(name)
    config.update_from_flattened_dict(values)
    return freeze(Config, config.to_dict())


def _split(arguments: list[str], default: str) -> tuple[str, list[str]]:
    """The config that is named last, and the remaining arguments."""
    given, rest = default, []
    while arguments:
        argument = arguments.pop(0)
        found = _FILE.match(argument)
        if argument == "--":
            rest += [argument, *arguments]
            break
        if not found:
            rest.append(argument)
        elif found[1] is None and not arguments:
            raise UsageError(mismatch("--config", "a name or a file", "nothing", "write --config=NAME"))
        else:
            given = arguments.pop(0) if found[1] is None else found[1]
    return given, rest


def _load(given: str) -> ConfigDict:
    """The result of the `get_config()` of a config."""
    path, argument = config_files.find(given)
    try:
        get_config = runpy.run_path(str(path))["get_config"]
        config = get_config() if argument is None else get_config(argument)
    except Exception as error:  # a user's own file may raise anything
        raise _invalid(path, error) from error
    if not isinstance(config, ConfigDict):
        do = "return config_dict(Config(...)) from it"
        raise UsageError(mismatch(f"{path} get_config()", "a ConfigDict", type(config).__name__, do))
    return config


def _invalid(path: Path, error: Exception) -> UsageError:
    """One line for a config file that raises."""
    new = renamed_keys.in_message(str(error))
    if new is not None:
        found = f"an old key ({' '.join(str(error).split())})"
        return UsageError(mismatch(str(path), "known keys", found, f"it is now '{new}'"))
    if isinstance(error, UsageError):
        return error
    found, do = f"{type(error).__name__}: {' '.join(str(error).split())}", "compare it with configs/optimized.py"
    return UsageError(mismatch(str(path), "a get_config() that returns a config", found, do))


def _with_prefix(argument: str, known: Mapping[str, Any]) -> str:
    """The argument, with `config.` in front of a value of the config that is no flag itself."""
    found = _FLAG.fullmatch(argument)
    if not found or found[1] in flags.FLAGS or found[1].removeprefix("no") in flags.FLAGS:
        return argument
    name, value = found[1], found[2] or ""
    first, dot, _ = name.partition(".")
    if first == "config" or (first in known and (dot or not isinstance(known[first], Mapping))):
        return argument if first == "config" else f"--config.{name}{value}"
    raise UsageError(mismatch("flags", "a known flag", f"'--{name}'", _meant(name, value, known)))


def _meant(name: str, value: str, known: Mapping[str, Any]) -> str:
    """What to write in place of an unknown flag."""
    if value[1:] in config_files.names():
        return f"did you mean '--config{value}'?"  # --model=optimized
    if name in known:
        return f"did you mean '--{name}.KEY=VALUE'?"
    head, dot, tail = name.partition(".")
    if dot:
        near = names.nearest(head, ["config", *known])
        return f"did you mean '--{near}.{tail}'?" if near is not None else "--help lists the flags"
    first = [*flags.FLAGS, *(key for key, part in known.items() if not isinstance(part, Mapping))]
    inner = {key.rpartition(".")[2]: key for key in reversed(dotted(known)) if "." in key}
    near = name if name in inner else names.nearest(name, [*first, *inner])
    if near is None:
        return "--help lists the flags"
    return f"did you mean '--{near if near in first else inner[near]}'?"


def _checked(argument: str, known: Mapping[str, Any]) -> str:
    """The argument if it overrides an existing key; `a,b` is written as a tuple where the key has one."""
    found = _KEY.match(argument)
    if not found:
        return argument
    at: Any = known
    prefix = "--config"
    for part in found[1].split("."):
        if not isinstance(at, Mapping) or part not in at:
            raise UsageError(_unknown_key(prefix, part, at, found[1]))
        at, prefix = at[part], f"{prefix}.{part}"
    words = found[2]
    if isinstance(at, tuple) and words is not None and _WORDS.fullmatch(words):
        return f"{prefix}={tuple(words.split(','))}"
    return argument


def _unknown_key(prefix: str, part: str, at: Any, key: str) -> str:
    keys = tuple(at) if isinstance(at, Mapping) else ()
    new = renamed_keys.new_name(key)
    if new is not None:
        return mismatch(prefix, "a known key", f"'{part}'", f"it is now --config.{new}")
    do = help.nearest(part, keys, f"choose one of {', '.join(keys)}" if keys else "end the name here")
    return mismatch(prefix, "a known key" if keys else "no key below this one", f"'{part}'", do)
