"""How each command of the documentation is tested. A new page needs a row here only for what is run nowhere else yet.

Commands of VoxJAX run in the tests, or, if they take long, are recorded: `docs/results/doc_commands.py` runs them on a
few clips and writes docs/results/doc_commands.json. EXEMPT has the only other ones.
"""

import configparser
import functools
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from tests.doc_commands.pages import INSTALL, ROOT, Block, commands
from voxjax.cli import main

# Commands that take long on a corpus, and what is appended when they are recorded.
BRIEF = (
    "--config.train.epochs=1 --config.member_execution=map --config.offline_augment.augmentation_factor=0"
    " --config.features.max_duration_s=1.0 --config.train.crop_s=0.5"
)
FRAMES = "--config.features.channels=logmel --config.features.mels=16"  # for networks on spectrograms
SMALLER = {  # and what is appended where a command has these words
    r"config=(configs/)?ensemble|suite=ensemble": "--config.n_members=2",
    r"^(?!.*(config=|benchmark))|config=(configs/)?(demo|optimized)": "'--config.model.lstm=()'",
    r"^(?!.*(whisper|csv))": FRAMES,
}
LONG = {
    "train": BRIEF,
    "crossval": BRIEF,
    "sweep": f"{BRIEF} --trials=2 --halve_after=1",
    "benchmark": f"{BRIEF} --folds=2",
}
LONG["vote"] = ""  # of long runs
FITTED = {"sweep": f"{BRIEF} --trials=2"}  # the same for discriminants, which have no epochs to halve
# Commands and Python that need what a long command left, or libraries that the tests do not have.
NEEDS_LONG = (r"--physio=", r"--text=", r"modality_inputs=\{", r"\bh5py\b", r"export --format=", r"\btransformers\b")
DEVICES = 'XLA_FLAGS="${XLA_FLAGS:-} --xla_force_host_platform_device_count=8" '  # in place of several devices
PATHS = r"--(data_dir|encoder_weights|workdir)=.*"  # flags that do not change what a run computes
SCRIPTS = {"inspect_data": "inspect"}
LANGUAGES = ("bash", "python", "text", "csv", "json", "r", "spss")  # after the fence; text is what a command prints
TOOLS = ("find", "openssl", "curl", "ffmpeg", "source <(voxjax completion bash)")  # run in the tests as they are

_CALL = re.compile(r"(?:^|[\s;&|(])(?:voxjax|python -m voxjax|python scripts/(\w+)\.py)(?: (\w+))?")


class Exempt(NamedTuple):
    """Commands that are neither run in the tests nor recorded."""

    pattern: str  # at the beginning of the command
    check: Callable[[str], str]  # returns what is wrong, "" if nothing
    reason: str


def syntax(text: str) -> str:
    """Checks the command as bash does, without running it."""
    return subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True).stderr


def extras(text: str) -> str:
    """Checks that the extras that a command installs are those of the package."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = {name for group in re.findall(r"(?:voxjax|\.)\[([\w,]+)\]", text) for name in group.split(",")}
    unknown = wanted - setup["options.extras_require"].keys()
    return f"no extras {', '.join(sorted(unknown))}" if unknown else syntax(text)


def tests(text: str) -> str:
    """Checks that the tests that a command names exist."""
    missing = [word for word in text.split() if word.startswith("tests/") and not (ROOT / word).exists()]
    return f"no {', '.join(missing)}" if missing else extras(text)


def target(text: str) -> str:
    """Checks that the Makefile has the target."""
    return subprocess.run(["make", "-n", *text.split()[1:]], cwd=ROOT, capture_output=True, text=True).stderr


EXEMPT = (
    Exempt(r"pip install [^&]*$", extras, "changes the environment of the tests; .ci/run installs the package"),
    Exempt(r"python3 -m venv ", syntax, "makes the environment that the tests run in, as .ci/run does"),
    Exempt(r"python -m pytest", tests, "CI runs all tests"),
    Exempt(r"mkdir -p found && python -m tests\.fuzz ", syntax, "runs for minutes; tests/fuzz reads what it found"),
    Exempt(r"python docs/results/doc_commands.py", syntax, "runs the long commands; the test of the record needs it"),
    Exempt(r"sphinx-build ", syntax, ".ci/run builds the site"),
    Exempt(r"make ", target, "CI runs what the targets run"),
    Exempt(r"(voxjax app|streamlit run)", syntax, "runs until it is stopped; tests/deploy/page opens it in a browser"),
    Exempt(r"tensorboard ", syntax, "runs until it is stopped; tests/experiments/test_tensorboard.py reads its files"),
    Exempt(r"docker ", syntax, "needs a Docker engine"),
    Exempt(r"gcloud ", syntax, "needs an account and machines of a cloud"),
    Exempt(r"hf upload ", syntax, "needs an account; what it uploads is read back by tests/downloads from a local hub"),
    Exempt(r"#!/bin/bash\n#SBATCH", syntax, "needs a cluster; tests/train runs two processes on one machine"),
    Exempt(r".* --coordinator=", syntax, "needs two machines; tests/train runs two processes on one machine"),
    Exempt(r".*gs://", syntax, "needs an account; tests/experiments/test_bucket_run.py runs a local server"),
    Exempt(r".*(\w+ |/)download(\.py)? --(corpus|encoder)", syntax, "fetches gigabytes; tests/downloads: local hosts"),
    Exempt(
        r"voxjax benchmark --suite=(step|features|start|predict|scale)",
        syntax,
        "takes a quiet machine and the extra bench; docs/results/performance has what they printed",
    ),
    Exempt(r"node ", syntax, "needs npm install onnxruntime-node; docs/results/export_node.json is its record"),
    Exempt(r"source <\(voxjax completion zsh\)", syntax, "needs zsh; tests/cli/test_main.py checks the script"),
)


# Commands that end with another exit code than 0, as their page explains.
CODES: dict[str, int] = {}
# Blocks of Python that are compiled and not run.
EXEMPT_PYTHON = {r"\btensorflow\b": "needs TensorFlow and a checkpoint that Google publishes"}


def calls(text: str) -> list[list[str]]:
    """The calls of VoxJAX in a shell command, as arguments from the command's name on."""
    found = []
    for part in simple_commands(text):
        if part[:1] == ["voxjax"]:
            found.append(part[1:])
        elif part[:3] == ["python", "-m", "voxjax"]:
            found.append(part[3:])
        elif part[:1] == ["python"] and len(part) > 1 and (script := re.fullmatch(r"scripts/(\w+)\.py", part[1])):
            found.append([SCRIPTS.get(script[1], script[1]), *part[2:]])
    return found


def simple_commands(text: str) -> list[list[str]]:
    """The words of each simple command of a shell command, quoted commands inside of it included."""
    lexer = shlex.shlex(text.replace("\\\n", " ").replace("\n", ";"), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("&|;()<>"):
            found.append([])
        elif found[-1] or not (word == "srun" or re.fullmatch(r"[A-Z_]+=.*", word)):
            found[-1].append(word)
    inner = [word.partition("=")[2] for part in found for word in part if word.startswith("--command=")]
    return [part for part in found if part] + [part for text in inner for part in simple_commands(text)]


def names_only(text: str) -> bool:
    """Whether a command in a sentence only names a command and its flags, and no file to work on."""
    words = text.split()
    rest = words[4:] if words[1] == "-m" else words[2:]
    return re.search(r"\bNAME\b", text) is not None or all(word.startswith("--") for word in rest)


def exempt(text: str) -> Exempt | None:
    """The exception that a command falls under, if any."""
    return next((row for row in EXEMPT if re.match(row.pattern, re.sub(INSTALL, "", text))), None)


def is_long(text: str) -> bool:
    """Whether a command is recorded, as it takes long."""
    if "--help" in text:
        return False
    if needs_long(text) or re.search(r"python docs/results/", text):
        return True
    return any(call and call[0] in LONG for call in calls(text))


def needs_long(text: str) -> bool:
    """Whether a command or a block of Python needs what the tests don't have."""
    return any(re.search(pattern, text) for pattern in NEEDS_LONG)


def scaled(text: str) -> str:
    """The command that is recorded in place of a long one."""
    text = re.sub(INSTALL, "", text)
    rows = LONG | FITTED if "discriminant" in text else LONG
    appended = [rows[call[0]] for call in calls(text) if call and rows.get(call[0])]
    if any(appended):
        appended += [flags for pattern, flags in SMALLER.items() if re.search(pattern, text)]
    if any(appended) and "corpus=" not in text and "fusion" not in text:
        appended.append("--config.corpus=ravdess --data_dir=DATA")  # smaller than the demo corpus
    devices = DEVICES if "devices." in text and "XLA_FLAGS=" not in text else ""
    return devices + " ".join([text, *appended])


def same_run(text: str) -> frozenset[str]:
    """The words of a command but for folders, equal for commands that compute the same: by script or `voxjax` alike."""
    text = re.sub(r"python (-m voxjax|scripts/(\w+)\.py)", lambda m: f"voxjax {m[2]}" if m[2] else "voxjax", text)
    text = re.sub(r"--config=configs/(\w+)\.py", r"--config=\1", text).replace("--config.", "--")
    return frozenset(word for word in text.split() if not re.fullmatch(PATHS, word))


@functools.cache
def runs_with_figures() -> frozenset[frozenset[str]]:
    """The commands of which docs/results holds the result, which they left at the end of a complete run.

    A file may be the result of one command, or hold those of several, each under a name of its own.
    """
    found = [json.loads(path.read_text()) for path in (ROOT / "docs/results").glob("*.json")]
    files = [result for result in found if isinstance(result, dict)]
    parts = [part for result in files for part in (result, *result.values()) if isinstance(part, dict)]
    return frozenset(same_run(part["command"]) for part in parts if isinstance(part.get("command"), str))


def known(text: str) -> bool:
    """Whether it is a command of VoxJAX, or a tool that the tests run as it is."""
    names = [call[0] for call in calls(text) if call]
    if not names:
        return text.startswith(TOOLS)
    return all(name in main.COMMANDS or name.startswith("--") for name in names)


def level(text: str) -> str:
    """How a command is tested: "exempt", "figures", "recorded", "run", or "unknown" where no row says it."""
    if exempt(text) is not None:
        return "exempt"
    if is_long(text):
        return "figures" if same_run(text) in runs_with_figures() else "recorded"
    return "run" if known(text) else "unknown"


def exit_code(text: str) -> int:
    """The exit code that a page says a command has; 0 unless a row of CODES says otherwise."""
    return next((code for pattern, code in CODES.items() if re.search(pattern, text)), 0)


def form(text: str, block: Block) -> str:
    """What is run in place of a long command: itself for Python."""
    return text if block.language == "python" else scaled(text)


def recorded(blocks: list[Block]) -> dict[str, Block]:
    """The commands and blocks of Python that are recorded, with their blocks: of those that compute the same, one."""
    found: dict[frozenset[str], tuple[str, Block]] = {}
    for block in blocks:
        if block.language == "python" and needs_long(block.text):
            found.setdefault(frozenset([block.text]), (block.text, block))
        elif block.language == "bash" and not (block.inline and names_only(block.text)):
            for command in commands(block):
                if level(command.text) == "recorded":
                    found.setdefault(same_run(command.text), (command.text, block))
    return dict(found.values())


def is_recorded(text: str, block: Block, rows: dict[str, dict]) -> bool:
    """Whether docs/results/doc_commands.json has the command, run as the rules say, without an error."""
    return text in rows and rows[text]["ran"] == form(text, block) and rows[text]["exit_code"] == 0
