"""The command `voxjax`: finds the module of a subcommand and runs it. Imports nothing else, so that help is fast."""

import gc
import importlib
import sys

from voxjax import interruption
from voxjax.version import __version__

# Command: summary. Each is a module in `voxjax/cli/commands/` with a function `run()`.
COMMANDS = {
    "train": "train a model or an ensemble under one split, then report",
    "crossval": "train all folds of a protocol in one program, then report",
    "evaluate": "report on a trained model over any corpus",
    "predict": "emotions of sound files",
    "timeline": "emotions over time, of recordings of any length",
    "explain": "show which moments and frequency bands moved an answer",
    "export": "write a model as one file for another runtime",
    "app": "the page for people, in a browser",
    "serve": "answers over HTTP and WebSocket, for programs",
    "download": "fetch a corpus or a pretrained encoder",
    "inspect": "check the quality of a corpus",
    "preprocess": "write the feature table of a corpus as CSV",
    "compare": "compare two runs over the same test clips",
    "vote": "soft vote of finished runs",
    "identify": "add to an older model folder what it was trained on",
    "sweep": "search hyperparameters in one program",
    "benchmark": "measure speed, one JSON line per figure",
    "soak": "interrupt and damage its own work many times, and count what is lost",
    "doctor": "versions, devices, cache and encoders, for bug reports",
    "completion": "print a completion script for bash or zsh",
}


def main() -> None:
    """Runs `voxjax COMMAND …`.

    Raises:
        SystemExit: always, with the exit code of the command; 2 at an unknown command.
    """
    interruption.install()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        sys.argv = [f"voxjax {name}", *sys.argv[2:]]
        run(name)
    elif name in ("--version", "version"):
        print(f"voxjax {__version__}")
    elif name in ("", "-h", "--help", "help"):
        print(page())
        sys.exit(0 if name else 2)
    else:
        from voxjax.names import nearest  # imported here, so that signals are handled early

        near = nearest(name, COMMANDS)
        do = f"did you mean '{near}'?" if near is not None else "voxjax --help lists them"
        print(f"error: voxjax: expected a command, found '{name}'; {do}", file=sys.stderr)
        sys.exit(2)


def run(name: str) -> None:
    """Runs a command on the arguments in `sys.argv[1:]`; the scripts call this too.

    Raises:
        SystemExit: with its exit code.
    """
    interruption.install()
    if name == "predict" and "--timeline" in sys.argv[1:]:
        name = "timeline"
        sys.argv.remove("--timeline")
    gc.disable()  # nothing that an import makes is garbage: looking for it takes a tenth of a short command
    command = importlib.import_module(f"voxjax.cli.commands.{name}")
    gc.freeze()
    gc.enable()
    try:
        command.run()
    except SystemExit as done:
        interruption.end(done.code)


def page() -> str:
    """The text of `voxjax --help`."""
    rows = "\n".join(f"  {name:<12}{summary}" for name, summary in COMMANDS.items())
    return "\n\n".join(
        [
            "VoxJAX: the emotion in a voice, its calibrated probability, and the training behind both.",
            "usage: voxjax COMMAND [--FLAG=VALUE …]",
            rows,
            "voxjax COMMAND --help lists a command's flags; voxjax --version prints the version.",
        ]
    )
