"""Loads a real `voxjax serve` process and writes what came of it.

python docs/results/service.py docs/results/service.json

Clips are synthetic speech of 1 to 3 s. If the program `schemathesis` (pip install schemathesis) is on the path, it also
sends what it makes up from the OpenAPI document.
"""

import concurrent.futures
import contextlib
import io
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import httpx
import soundfile

from voxjax import EmotionPredictor
from voxjax.data import synthetic
from voxjax.storage.provenance import provenance

MODEL = "checkpoints/optimized"
CLIENTS, REQUESTS, LONG = 16, 200, 2_000
LABELS = ("angry", "calm", "happy", "sad")
LIMITS = ["--max_megabytes=1", "--body_seconds=2"]
AUDIO = {"content-type": "audio/wav"}
HEAD = b"POST /v1/predict HTTP/1.1\r\nhost: a\r\ncontent-type: audio/wav\r\ncontent-length: 1000\r\n\r\nRIFF"


def clips():
    """Files of 24 clips."""
    found = []
    for i in range(24):
        file, label = io.BytesIO(), LABELS[i % 4]
        samples = synthetic.render(synthetic.SPEAKERS[i % 5], label, i)
        soundfile.write(file, samples[: (1 + i % 3) * synthetic.SAMPLE_RATE_HZ], synthetic.SAMPLE_RATE_HZ, format="WAV")
        found.append(file.getvalue())
    return found


@contextlib.contextmanager
def served():
    """The process and the address of a service that is ready."""
    command = [sys.executable, "-m", "voxjax", "serve", f"--model={MODEL}", "--port=0", *LIMITS]
    with tempfile.NamedTemporaryFile() as log, subprocess.Popen(command, stdout=log) as process:
        try:
            while '"listening"' not in (text := pathlib.Path(log.name).read_text(encoding="utf-8")):
                time.sleep(0.2)
            url = json.loads(text.splitlines()[0])["address"]
            while httpx.get(f"{url}/ready").status_code != 200:
                time.sleep(0.2)
            yield process, url
        finally:
            process.kill()


def ask(client, url, file):
    """The response to one clip."""
    return client.post(f"{url}/v1/predict", content=file, headers=AUDIO)


def at_once(url, files, count):
    """Responses to requests of 16 clients, and the requests a second."""
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    with httpx.Client(timeout=120.0, limits=limits) as client, concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        start = time.perf_counter()
        found = list(pool.map(lambda i: ask(client, url, files[i % len(files)]), range(count)))
        return found, count / (time.perf_counter() - start)


def one_by_one(url, files, count):
    """The requests a second of one client."""
    with httpx.Client(timeout=120.0) as client:
        start = time.perf_counter()
        for i in range(count):
            ask(client, url, files[i % len(files)]).raise_for_status()
        return count / (time.perf_counter() - start)


def load(url, files):
    """Equality with the predictor, and speed, the ways in turn."""
    predictor = EmotionPredictor(MODEL)
    expected = [predictor.predict(io.BytesIO(file)) for file in files]
    at_once(url, files, REQUESTS)
    alone, together, statuses, largest, named = [], [], [], 0.0, 0
    for _ in range(3):
        alone.append(one_by_one(url, files, REQUESTS))
        found, speed = at_once(url, files, REQUESTS)
        together.append(speed)
        statuses += [one.status_code for one in found]
        for i, one in enumerate(found):
            own, answer = expected[i % len(files)], one.json()
            named += answer["emotion"] == own["emotion"]
            apart = [abs(answer["probabilities"][name] - value) for name, value in own["probabilities"].items()]
            largest = max(largest, *apart)
    return {
        "clients": CLIENTS,
        "requests": len(statuses),
        "answered": statuses.count(200),
        "same_emotion": named,
        "largest_difference_of_a_probability": largest,
        "requests_per_s_at_once": [round(one, 1) for one in together],
        "requests_per_s_one_by_one": [round(one, 1) for one in alone],
    }


def bad(url):
    """Statuses of requests that must not be answered."""
    host, port = url.removeprefix("http://").split(":")
    post = f"{url}/v1/predict"
    found = {
        "text as sound": httpx.post(post, content=b"no sound", headers=AUDIO).status_code,
        "cut off": httpx.post(post, content=clips()[0][:5_000], headers=AUDIO).status_code,
        "broken form": httpx.post(
            post, content=b"--x", headers={"content-type": "multipart/form-data; boundary=x"}
        ).status_code,
        "too large, declared": httpx.post(post, content=bytes(1_000_001), headers=AUDIO).status_code,
        "too large, in chunks": httpx.post(post, content=(bytes(9_999) for _ in range(200)), headers=AUDIO).status_code,
    }
    with socket.create_connection((host, int(port)), 10.0) as slow:
        slow.sendall(HEAD)
        found["slow"] = int(slow.recv(100).split()[1])
    for _ in range(50):
        with socket.create_connection((host, int(port)), 10.0) as aborted:
            aborted.sendall(HEAD)
    return found


def memory_mb(process):
    """Resident memory of a process."""
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return round(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024, 1)


def long_run(process, url, files):
    """Memory over 2,000 requests, one in ten of them bad."""
    mixed = [file if i % 10 else b"no sound" for i, file in enumerate(files * 5)]
    found, statuses = [memory_mb(process)], []
    for _ in range(LONG // REQUESTS):
        statuses += [one.status_code for one in at_once(url, mixed, REQUESTS)[0]]
        found.append(memory_mb(process))
    return {"statuses": {str(one): statuses.count(one) for one in sorted(set(statuses))}, "memory_mb_every_200": found}


def made_up(url):
    """What schemathesis found."""
    program = shutil.which("schemathesis")
    if program is None:
        return None
    flags = ["--max-examples=100", "--checks=all", "--exclude-checks=positive_data_acceptance", "--seed=0"]
    command = [program, "run", f"{url}/openapi.json", *flags]
    with tempfile.TemporaryDirectory() as folder:  # it leaves files
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    cases = re.search(r"(\d+) generated", done.stdout)
    return {"flags": flags, "exit_code": done.returncode, "cases": int(cases[1]) if cases else 0}


def main():
    out, files = pathlib.Path(sys.argv[1]), clips()
    with served() as (process, url):
        rows = {"load": load(url, files), "bad": bad(url), "long": long_run(process, url, files)}
        rows["schemathesis"] = made_up(url)
        rows["server_errors"] = len(
            re.findall(r'^voxjax_requests_total\{.*status="50[04]', httpx.get(f"{url}/metrics").text, re.M)
        )
        rows["healthy_at_the_end"] = httpx.get(f"{url}/health").status_code == 200
        process.send_signal(signal.SIGTERM)
        rows["exit_code"] = process.wait(60)
    command = "python docs/results/service.py docs/results/service.json"
    content = {**provenance(), "command": command, "model": MODEL, "flags": LIMITS, "seed": 0, **rows}
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
