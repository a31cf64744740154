"""Command-line flags: one helpful line for each kind of wrong flag, and the help page."""

import re
import textwrap
import types
from collections.abc import Iterable, Sequence

from absl import flags

from voxjax import names
from voxjax.errors import UsageError, mismatch

_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
_DOTTED = re.compile(r"--?([\w.-]+)")


def parse(argv: Sequence[str], values: flags.FlagValues) -> list[str]:
    """Parses into `values`.

    Args:
        argv: as `sys.argv`.
        values: the defined flags.

    Returns:
        Arguments that are not flags, without the program's name.

    Raises:
        UsageError: at an unknown flag, a missing value or one of the wrong type.
    """
    try:
        return list(values(list(argv)))[1:]
    except flags.UnrecognizedFlagError as error:
        raise UsageError(_unknown(error.flagname, values)) from error
    except flags.IllegalFlagValueError as error:
        raise UsageError(_wrong_value(str(error), values)) from error
    except flags.Error as error:
        found = _DOTTED.search(str(error))
        what = f"--{found[1]}" if found else "flags"
        raise UsageError(mismatch(what, "a value", "none", f"write {what}=VALUE")) from error


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """A suggestion for an unknown name: the nearest known one, if any."""
    near = names.nearest(name, known)
    return f"did you mean '{near}'?" if near is not None else otherwise


def page(values: flags.FlagValues, command: types.ModuleType, program: str, shared: str, arguments: str) -> str:
    """The text of `--help`.

    Args:
        values: the flags.
        command: its module, whose docstring begins the page.
        program: the name by which it is called, as "voxjax train".
        shared: name of the module that defines the flags of every command.
        arguments: the command's arguments besides flags; '' for none.
    """
    own = values.get_key_flags_for_module(command)
    common = [flag for flag in values.get_key_flags_for_module(shared) if flag not in own]
    extra = [values[flag] for flag in ("config", "verbosity") if flag in values]
    listed = sorted([*own, *common, *extra], key=lambda flag: flag.name)
    head = " ".join(filter(None, ["usage:", program, arguments, "[--FLAG=VALUE …]"]))
    return "\n\n".join([(command.__doc__ or "").strip(), head, "\n".join(_entry(flag) for flag in listed)])


def _entry(flag: flags.Flag) -> str:
    plain = isinstance(flag.default, (int, float, str)) and not flag.boolean
    default = f" (default: {flag.default})" if plain else ""
    left = f"  --{flag.name}" if flag.boolean else f"  --{flag.name}=…"
    help_text = re.sub(r"^<(.*?)>: (.*)", r"\2 One of \1.", flag.help).replace("|", ", ")
    text = " ".join(f"{help_text}{default}".split())
    return "\n".join(textwrap.wrap(text, 100, initial_indent=f"{left:<20} ", subsequent_indent=" " * 21))


def _unknown(name: str, values: flags.FlagValues) -> str:
    """The error of an unknown flag; of `--confg.train.epochs` only the first part is mistyped.

    A command without a config may have the flag itself: `--config.corpus` is its `--corpus`.
    """
    head, dot, tail = name.partition(".")
    known = [flag for flag in values if "." not in flag]
    own = tail.rpartition(".")[2]
    near = own if dot and "config" not in values and own in known else names.nearest(head, known)
    end = "" if near == own else f"{dot}{tail}"
    do = f"did you mean '--{near}{end}'?" if near is not None else "--help lists the flags"
    dashes = "-" if len(name) == 1 else "--"
    return mismatch("flags", "a known flag", f"'{dashes}{name}'", do)


def _wrong_value(message: str, values: flags.FlagValues) -> str:
    found = re.match(r"flag --?([\w.-]+)=(.*?): (.*)", message, re.DOTALL)
    if not found or found[1] not in values:
        return message
    name, value, reason = found.groups()
    flag = values[name]
    if value == "None":
        return mismatch(f"--{name}", "a value", "none", f"add --{name}=…: {flag.help}")
    choices = _choices(flag)
    if choices:
        do = nearest(value, choices, "choose one of these")
        return mismatch(f"--{name}", f"one of {', '.join(choices)}", repr(value), do)
    kind = flag.parser.flag_type()
    if kind in _KINDS:
        return mismatch(f"--{name}", _KINDS[kind], repr(value), "give one")
    return mismatch(f"--{name}", "a value that fits", repr(value), reason)


def _choices(flag: flags.Flag) -> Sequence[str]:
    return flag.parser.enum_values if isinstance(flag.parser, flags.EnumParser) else ()
