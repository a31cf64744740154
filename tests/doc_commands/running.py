"""Runs blocks of the documentation: shell commands by bash, Python by a process of its own, services beside them."""

import contextlib
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests import zygote
from tests.doc_commands import folder
from tests.doc_commands.folder import Outcome
from tests.doc_commands.pages import INSTALL, ROOT, Block, commands

ADDRESS = r"(?:127\.0\.0\.1|HOST):8080"  # of a service, in the pages
DEFAULT = "voxjax serve"  # one for all blocks
SERVE = r"voxjax serve\b(?!.*--help)"
CURL = "curl --silent --show-error --fail-with-body --max-time 60 "
LIMIT_S = 120.0  # for a service to start or stop


class Workplace:
    """Runs commands in copies of a prepared folder."""

    def __init__(
        self, root: Path, base: Path, environment: dict[str, str], address: str, limit_s: float = 600.0
    ) -> None:
        """Takes the prepared folder.

        Args:
            root: an empty folder for copies and programs.
            base: the prepared folder.
            environment: of the commands.
            address: of the zygote.
            limit_s: after which a command is stopped.
        """
        self.root, self.base, self.address, self.limit_s = root, base, address, limit_s
        self.programs = root / "bin"
        self.programs.mkdir()
        zygote.install(self.programs, address)
        path = f"{self.programs}:{Path(sys.executable).parent}:{environment['PATH']}"
        self.environment = environment | {"PATH": path, "PYTHONPATH": str(ROOT)}
        self.copies = 0
        self.service = ""  # address of the service that was started last in a block
        self.default = ""  # address of the service that is used where a block starts none
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> "Workplace":
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the default service."""
        self.stack.close()

    def folder(self, text: str) -> Path:
        """A new copy of the prepared folder, for blocks of this text."""
        self.copies += 1
        at = folder.copy(self.base, self.root / f"copy{self.copies}", text)
        if command := folder.made_by(text):
            outcome = self.shell(command, at)
            assert outcome.code == 0, outcome.output
        return at

    def block(self, block: Block, at: Path, chosen: Callable[[str], bool] = lambda text: True) -> list[Outcome]:
        """Runs the chosen commands of a block; what follows a failed command is not run."""
        if block.language == "python":
            return [self.python(block, at)]
        outcomes: list[Outcome] = []
        with contextlib.ExitStack() as stack:
            for command in commands(block):
                if chosen(command.text):
                    outcomes.append(self.command(command.text, at, stack))
                    if outcomes[-1].code:
                        break
        return outcomes

    def python(self, block: Block, at: Path) -> Outcome:
        """Executes a block of Python in a folder."""
        text = self._with_service(block.text)
        path = at / "code_of_the_page.py"
        path.write_text("\n" * (block.line - 1) + text)  # a traceback has the line of the page
        start_s = time.monotonic()
        with open(at / "output.txt", "w") as out:
            request = {"mode": "code", "argv": [path.name], "cwd": str(at), "env": self.environment}
            code = zygote.ask(self.address, request, out.fileno())
        return Outcome(block.text, code, (at / "output.txt").read_text(), time.monotonic() - start_s)

    def command(self, text: str, at: Path, stack: contextlib.ExitStack) -> Outcome:
        """Runs a command; a service is left running until the stack is closed."""
        if re.match(SERVE, text) and text != DEFAULT:
            start_s = time.monotonic()
            self.service = stack.enter_context(self._serving(text, at))
            return Outcome(text, 0, self.service, time.monotonic() - start_s)
        if text == DEFAULT:
            return Outcome(text, 0, self._default(), 0.0)
        ran = re.sub(INSTALL, "", self._with_service(text))
        return self.shell(re.sub(r"^curl ", CURL, ran), at)._replace(text=text)

    def shell(self, text: str, at: Path) -> Outcome:
        """Runs a command by bash, in a folder."""
        start_s = time.monotonic()
        with open(at / "output.txt", "w") as out:
            command = ["bash", "-euo", "pipefail", "-c", text]
            process = subprocess.Popen(
                command, cwd=at, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
            try:
                code = process.wait(self.limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                code = 124
        return Outcome(text, code, (at / "output.txt").read_text(), time.monotonic() - start_s)

    def parsed(self, call: list[str], at: Path) -> Outcome:
        """Has a command of VoxJAX parse its flags and its config, and do nothing."""
        with open(at / "output.txt", "w") as out:
            request = {"mode": "parse", "argv": ["voxjax", *call], "cwd": str(at), "env": self.environment}
            code = zygote.ask(self.address, request, out.fileno())
        return Outcome(" ".join(call), code, (at / "output.txt").read_text(), 0.0)

    def _with_service(self, text: str) -> str:
        """The text with the address of the service that its block started, else of the default one."""
        if not re.search(ADDRESS, text):
            return text
        return re.sub(ADDRESS, self.service or self._default(), text)

    def _default(self) -> str:
        """The address of the default service, which is started when it is first needed."""
        if not self.default:
            self.default = self.stack.enter_context(self._serving(DEFAULT, self.folder("")))
        return self.default

    @contextlib.contextmanager
    def _serving(self, text: str, at: Path):
        """Starts a service on a free port, and yields `127.0.0.1:PORT` once it is ready; it must end with code 0."""
        log = at / "service.txt"
        command = text.replace("voxjax", f"exec {sys.executable} -m voxjax", 1) + " --port=0"
        with open(log, "w") as out:
            process = subprocess.Popen(["bash", "-c", command], cwd=at, env=self.environment, stdout=out, stderr=out)
        try:
            yield _ready(process, log)
        finally:
            self.service = ""
            process.send_signal(signal.SIGTERM)  # as systemd does
            code = process.wait(LIMIT_S)
        assert code == 0, f"{text} ended with code {code}: {log.read_text()}"


def _ready(process: subprocess.Popen, log: Path) -> str:
    """Waits until a service takes requests; returns its place, as `127.0.0.1:PORT`."""
    end_s = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < end_s:
        time.sleep(0.05)
        found = re.search(r'"address": "http://[^"]+:(\d+)"', log.read_text())
        with contextlib.suppress(OSError):  # while it starts, its answer is 503
            if found and urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/ready").status == 200:
                return f"127.0.0.1:{found[1]}"
    raise AssertionError(f"the service did not start: {log.read_text()}")
