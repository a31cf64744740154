"""The command as a process: it stops when asked, after what is running, with exit code 0; wrong use is one line."""

import json
import pathlib
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from tests.deploy.service.conftest import sound
from voxjax.deploy.service.settings import checked_token, is_loopback
from voxjax.errors import UsageError

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "voxjax", "serve", "--model=checkpoints/optimized"]


def test_asked_to_stop_it_finishes_what_is_running_and_leaves_with_0():
    command = [*COMMAND, "--port=0", "--host=127.0.0.1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = json.loads(process.stdout.readline())["address"]
            content = sound()
            head = "POST /v1/predict HTTP/1.1\r\nhost: a\r\ncontent-type: audio/wav\r\n"
            head += f"content-length: {len(content)}\r\n\r\n"
            with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 60.0) as one:
                one.sendall(head.encode() + content[:100])
                while "voxjax_requests_in_progress 1.0" not in httpx.get(f"{address}/metrics").text:
                    pass
                process.send_signal(signal.SIGTERM)
                while (ready := httpx.get(f"{address}/ready")).json() != {"error": "the service is stopping"}:
                    pass
                assert ready.status_code == 503
                one.sendall(content[100:])
                assert one.recv(1_000).startswith(b"HTTP/1.1 200")
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert (process.returncode, err) == (0, "") and events[-1] == "stopped" and "stopping" in events


@pytest.mark.parametrize(
    ("flags", "code", "part"),
    [
        (["--host=nowhere.invalid"], 1, "an address to listen on"),
        (["--token_file=missing.txt"], 2, "a file with a token"),
        (["--port=99999"], 2, "--port"),
    ],
)
def test_wrong_use_is_one_line(flags, code, part):
    done = subprocess.run([*COMMAND, *flags], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert part in done.stderr and done.stderr.startswith("error: ")


def test_tokens_are_long_enough_to_be_secret():
    assert (
        checked_token(" 0123456789abcdef\n", "--token_file") == "0123456789abcdef" and checked_token(None, "") is None
    )
    for token in ("", "short", "with space in it, long", "ünïcödé-ünïcödé-ünïcödé", "two\nlines-of-a-token"):
        with pytest.raises(UsageError, match="openssl"):
            checked_token(token, "--token_file")


def test_only_loopback_addresses_are_taken_for_such():
    assert all(map(is_loopback, ("127.0.0.1", "127.5.0.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org")))
