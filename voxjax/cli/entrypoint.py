"""What every command shares: flags, one-line errors, exit codes, logging and the cache."""

import errno
import io
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from absl.logging import converter

from voxjax import interruption
from voxjax.cli import config_flag, help
from voxjax.config import Config
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.storage.paths import cache_dir
from voxjax.storage.safe_text import printable
from voxjax.version import __version__

Code = int | None  # the result of a command's `main`: its exit code, None for 0

flags.DEFINE_boolean("help", False, "Prints this page.", short_name="h")
flags.DEFINE_boolean("version", False, "Prints the version.")
flags.FLAGS["verbosity"].help = "-1 logs warnings, 0 more, 1 everything, with the stack trace of an error."


def run(main: Callable[[], Code]) -> None:
    """Runs a command that takes flags alone, and leaves with its exit code.

    Args:
        main: does the work, with `absl.flags.FLAGS` parsed.

    Raises:
        SystemExit: always: 0 on success, 1 at failed work, 2 at wrong use, 128 + its number at a signal. Failures
            print one line to stderr, and with `--verbosity=1` the stack trace before it.
    """

    def work() -> Code:
        _check_no_arguments(_parse(sys.argv, main))
        return main()

    sys.exit(status(work))


def run_on(main: Callable[[Sequence[str]], Code], arguments: str, least: Callable[[], int] = lambda: 1) -> None:
    """As `run`, for a command that also takes arguments.

    Args:
        main: is given the arguments.
        arguments: their name in the help, as "FILE_OR_DIR…".
        least: the minimum number of them; called after flags are parsed.
    """

    def work() -> Code:
        given = _parse(sys.argv, main, arguments)
        if len(given) < least():
            raise UsageError(mismatch(_program(), arguments, "nothing", "name at least one (see --help)"))
        return main(given)

    sys.exit(status(work))


def run_with_config(main: Callable[[Config], Code], default: str) -> None:
    """As `run`, for a command with `--config=FILE` and overrides as `--config.train.epochs=3`.

    Args:
        main: is given the resolved config.
        default: name of the config if none is given.
    """

    def work() -> Code:
        argv = config_flag.define(sys.argv, default)
        _check_no_arguments(_parse(argv, main))
        return main(config_flag.resolved())

    sys.exit(status(work))


def status(work: Callable[[], Code]) -> int:
    """Runs the work and returns its exit code; a failure prints one line to stderr."""
    try:
        code = work()
        sys.stdout.flush()
        return 0 if code is None else code
    except interruption.Stopped as stop:
        print(stop, file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reading program, as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if _verbosity() >= 1:
            traceback.print_exception(error)
        print(f"error: {printable(one_line(error))}", file=sys.stderr)
        return error.exit_code if isinstance(error, VoxJaxError) else 1


def one_line(error: Exception) -> str:
    """One line for the user: what went wrong and what to do about it."""
    text = " ".join(str(error).split())
    if isinstance(error, VoxJaxError):
        return text
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in text:
        return mismatch("disk", "room to write", f"none left ({text[:160]})", "free some space and run again")
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text:
        do = "lower the batch size (as --config.train.batch_size=8) or use a larger machine"
        return mismatch("memory", "enough for this run", text[:160], do)
    if isinstance(error, OSError) and error.filename is not None:
        return mismatch(str(error.filename), "to use it", error.strerror, "check the path and its permissions")
    return f"{type(error).__name__}: {text[:300]}; run again with --verbosity=1 to see where"


def _parse(argv: Sequence[str], main: Callable[..., Code], arguments: str = "") -> list[str]:
    """Parses flags, handles `--help` and `--version`, sets up logging and cache; returns the remaining arguments."""
    rest = help.parse(argv, flags.FLAGS)
    if flags.FLAGS.help:
        print(help.page(flags.FLAGS, sys.modules[main.__module__], _called_as(), __name__, arguments))
        sys.exit(0)
    if flags.FLAGS.version:
        print(f"voxjax {__version__}")
        sys.exit(0)
    _set_up_logging()
    _keep_compiled()
    return rest


def _check_no_arguments(arguments: Sequence[str]) -> None:
    if arguments:
        do = f"write it as a flag, --NAME={arguments[0]} (--help lists them)"
        raise UsageError(mismatch(_program(), "flags alone", f"'{arguments[0]}'", do))


def _set_up_logging() -> None:
    """Logs warnings and errors, one line each; `--verbosity=0` and `1` log more, from voxjax only."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may contain any bytes
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.addLevelName(level, logging.getLevelName(level).lower())
    handler = logging.StreamHandler()
    handler.addFilter(_on_one_line)
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler], level=logging.WARNING)
    logging.getLogger("voxjax").setLevel(converter.absl_to_standard(_verbosity()))
    logging.getLogger("absl").setLevel(logging.WARNING)
    if _verbosity() < 1:
        for name in ("absl", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # of Orbax, which raises its failures as well
        _quiet_threads()
    if not sys.warnoptions and _verbosity() < 1:
        warnings.simplefilter("ignore")  # warnings are for programmers


def _quiet_threads() -> None:
    """Prints no stack traces of threads: their failures are raised in the main one, which prints one line."""

    def excepthook(*failure: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            sys.__excepthook__(*failure)

    threading.excepthook = lambda arguments: None
    sys.unraisablehook = lambda arguments: None
    sys.excepthook = excepthook  # called by C++ for its threads


def _on_one_line(record: logging.LogRecord) -> bool:
    """Makes a message safe to print, whatever is in the names that it quotes."""
    record.msg, record.args = printable(record.getMessage()), ()
    return True


def _keep_compiled() -> None:
    """Keeps compiled programs on disk, so that the next run starts at once."""
    try:
        folder = cache_dir() / "xla"
    except VoxJaxError:
        return  # without a cache, compiling is only slower
    import jax  # imported here, so that help and errors do not wait for it

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def _verbosity() -> int:
    return int(flags.FLAGS["verbosity"].value or 0)  # readable before flags are parsed


def _program() -> str:
    return Path(sys.argv[0]).name


def _called_as() -> str:
    """The name by which the command was called: "voxjax train", or "python scripts/train.py"."""
    return f"python scripts/{_program()}" if _program().endswith(".py") else _program()
