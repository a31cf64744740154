"""Kills `voxjax predict` half-way through 2,000 files, starts it again, and compares with an unbroken call.

python docs/results/resume.py docs/results/resume.json
"""

import collections
import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile

from voxjax.storage.provenance import provenance

FILES, BROKEN, SEED, RATE_HZ = 2_000, (10, 999, 1_500), 0, 16_000


def make(folder):
    """Short clips of several lengths, three of them broken."""
    random = np.random.default_rng(SEED)
    for i in range(FILES):
        part = folder / f"speaker{i % 20:02d}"
        part.mkdir(exist_ok=True)
        time_s = np.arange(round(random.uniform(0.3, 2.0) * RATE_HZ)) / RATE_HZ
        voice = sum(np.sin(2 * np.pi * h * random.uniform(90, 250) * time_s) / h for h in range(1, 6))
        soundfile.write(part / f"{i:04d}.wav", 0.1 * voice + 0.01 * random.normal(size=len(time_s)), RATE_HZ)
        if i in BROKEN:
            (part / f"{i:04d}.wav").write_bytes(b"rubbish")


def command(folder, out, style):
    return [sys.executable, "-m", "voxjax", "predict", str(folder), f"--format={style}", f"--out={out}"]


def killed(arguments, out, at):
    """Runs a command and kills it once its file has so many lines; the number of lines then."""
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (out.exists() and out.read_bytes().count(b"\n") >= at):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return out.read_bytes().count(b"\n")


def main(target):
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / "clips"
        folder.mkdir()
        make(folder)
        for style, kills in (("csv", (1_000,)), ("jsonl", (300, 900, 1_700))):
            whole, out = (pathlib.Path(place) / f"{name}.{style}" for name in ("whole", "out"))
            code = subprocess.run(command(folder, whole, style), capture_output=True).returncode
            lines = [killed(command(folder, out, style), out, at) for at in kills]
            with out.open("ab") as file:
                file.write(b"half a li")
            last = subprocess.run(command(folder, out, style), capture_output=True, text=True)
            answers = out.read_text().splitlines()[style == "csv" :]
            paths = [json.loads(line)["path"] if style == "jsonl" else line.split(",")[0] for line in answers]
            rows.append(
                {
                    "format": style,
                    "files": FILES,
                    "killed_after_lines": lines,
                    "last_call_said": last.stderr.splitlines()[0].replace(str(out), f"out.{style}"),
                    "exit_codes": [code, last.returncode],
                    "answers": len(paths),
                    "answered_twice": sum(count > 1 for count in collections.Counter(paths).values()),
                    "equal_to_an_unbroken_call": out.read_bytes() == whole.read_bytes(),
                    "sha256": hashlib.sha256(out.read_bytes().replace(place.encode(), b"")).hexdigest(),
                }
            )
    result = {**provenance(), "seed": SEED, "model": "the default model", "rows": rows}
    pathlib.Path(target).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
