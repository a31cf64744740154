"""A process that has imported VoxJAX and forks for each command, so that a command costs no second import.

The parent never uses XLA: every command starts it anew, with its own flags and environment, as a real process does.

python -m tests.zygote SOCKET
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

IMPORTED = (
    "matplotlib.pyplot",
    "ml_collections.config_flags",
    "voxjax.attribution",
    "voxjax.cli.entrypoint",
    "voxjax.data.corpora",
    "voxjax.deploy.stablehlo",
    "voxjax.experiments.crossval",
    "voxjax.experiments.evaluate",
    "voxjax.experiments.train",
    "voxjax.inference.predictor",
    "voxjax.reporting.run_report",
)
_SIZE = 1 << 20

# Runs in a tenth of the time of `python -m voxjax`, as it imports nothing.
CLIENT = """#!{python} -IS
import json, os, socket, sys
arguments = sys.argv[1:]
request = dict(mode="voxjax", argv=["voxjax", *arguments])
if {is_python}:
    if arguments[:2] == ["-m", "voxjax"]:
        request["argv"] = ["voxjax", *arguments[2:]]
    elif arguments and arguments[0].startswith("scripts/"):
        request = dict(mode="script", argv=arguments)
    else:
        os.execv({python!r}, [{python!r}, *arguments])
request |= dict(cwd=os.getcwd(), env=dict(os.environ))
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
socket.send_fds(server, [json.dumps(request).encode() + b"\\n"], [0, 1, 2])
sys.exit(int(server.recv(16) or b"70"))
"""


def install(folder: Path, address: str) -> None:
    """Writes `voxjax` and `python`, which have the zygote run what they are called with."""
    for name in ("voxjax", "python"):
        text = CLIENT.format(python=sys.executable, is_python=name == "python", address=address)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


@contextlib.contextmanager
def forking(root: Path, environment: dict[str, str]) -> Iterator[str]:
    """A zygote with its socket in a folder; yields its address."""
    address = str(root / "zygote")
    command = [sys.executable, "-m", "tests.zygote", address]
    own = environment | {"PYTHONPATH": str(ROOT)}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env=own, **streams) as process:
        try:
            while not os.path.exists(address):
                assert process.poll() is None, "the zygote ended"
                time.sleep(0.02)
            yield address
        finally:
            process.terminate()


@functools.cache
def python() -> str:
    """A `python` for `-m voxjax …` and `scripts/….py` that costs no second import; it can't be sent signals."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxjax-tests-python-")))
    install(folder, stack.enter_context(forking(folder, dict(os.environ))))
    return str(folder / "python")


def ask(address: str, request: dict, out: int) -> int:
    """Has a command run with this output; returns its exit code."""
    with socket.socket(socket.AF_UNIX) as server, open(os.devnull) as nothing:
        server.connect(address)
        socket.send_fds(server, [json.dumps(request).encode() + b"\n"], [nothing.fileno(), out, out])
        return int(server.recv(16) or b"70")


def parse_only() -> None:
    """Has the commands parse and check their flags and config, and stop there."""
    from voxjax.cli import entrypoint

    for name in ("run", "run_on", "run_with_config"):
        original = getattr(entrypoint, name)

        def run(main, *rest, original=original, **further):
            original(functools.wraps(main)(_check_names), *rest, **further)

        setattr(entrypoint, name, run)


def _check_names(*_):
    """Refuses corpora that do not exist, which a command finds out after parsing."""
    from absl import flags

    from voxjax.data import corpora
    from voxjax.errors import UsageError

    known = flags.FLAGS.flag_values_dict()
    given = [known["corpus"]] if "corpus" in known else []
    if "config" in known:
        given += [known["config"]["corpus"], known["config"]["test_corpus"]]
    for name in (name for joined in given if joined for name in joined.split("+")):
        if name not in corpora.CORPORA and name != "NAME":
            raise UsageError(f"no corpus '{name}'")


def _run(request: dict) -> None:
    """Runs a request in this process, which was forked for it."""
    sys.argv = request["argv"]
    atexit._clear()  # functions of the zygote's libraries, for what they have started in it
    if request["mode"] == "code":
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    if request["mode"] == "parse":
        parse_only()
    if request["mode"] == "script" or sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    from voxjax.cli import main

    main.main()


def _child(request: dict, descriptors: list[int]) -> int:
    """The exit code of a request."""
    for i, descriptor in enumerate(descriptors):
        os.dup2(descriptor, i)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(i, mode, closefd=False) for i, mode in enumerate("rww"))
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path.insert(0, request["cwd"] if request["mode"] == "code" else str(Path(request["cwd"]) / "scripts"))
    code = 0
    try:
        _run(request)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


def serve(address: str) -> None:
    """Forks for each request until this process or its parent is stopped."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen()
    os.rename(f"{address}.new", address)  # so that it is there when it answers
    running, parent = {}, os.getppid()
    while os.getppid() == parent:  # ends with the process that started it
        ready = select.select([listener, *running.values()], [], [], 0.02 if running else 1.0)[0]
        if listener in ready:
            child, client = _forked(listener)
            running[child] = client
        for child, client in list(running.items()):
            if client in ready and not client.recv(1):  # it was stopped
                os.kill(child, signal.SIGKILL)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                with running.pop(child), contextlib.suppress(OSError):
                    client.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _forked(listener: socket.socket) -> tuple[int, socket.socket]:
    """Accepts a request and forks for it; returns the child and the client."""
    client, _ = listener.accept()
    text, descriptors, _, _ = socket.recv_fds(client, _SIZE, 3)
    while not text.endswith(b"\n"):
        text += client.recv(_SIZE)
    child = os.fork()
    if child == 0:
        listener.close()
        client.close()
        os._exit(_child(json.loads(text), descriptors))
    for descriptor in descriptors:
        os.close(descriptor)
    return child, client


if __name__ == "__main__":
    serve(sys.argv[1])
