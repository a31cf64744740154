"""Measures how long a timeline takes, and its memory, for recordings of 10 minutes, one hour and three hours.

python docs/results/timeline_speed.py DATA docs/results/timeline_speed.json

DATA holds `ravdess/`. A recording is clips of RAVDESS in random order with pauses of 0.3 to 2 s of faint noise, as
16-bit WAV at 16 kHz. Each is answered by the default model in a process of its own, which compiles its programs anew.
Memory is the greatest resident set of that process less the resident set once the model is loaded.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile

from voxjax.audio import io
from voxjax.storage.provenance import provenance

MODEL = pathlib.Path(__file__).parents[2] / "checkpoints/whisper_statistics"
RATE_HZ = 16_000
SEED = 0
MINUTES = (10, 60, 180)


def write(path, clips, minutes):
    """A recording; returns how many clips it holds."""
    random, count, total = np.random.default_rng(SEED), 0, 0
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        while total < 60 * minutes * RATE_HZ:
            samples = io.read(clips[count % len(clips)], RATE_HZ)
            pause = random.normal(scale=1e-4, size=round(random.uniform(0.3, 2.0) * RATE_HZ))
            both = np.concatenate([samples, pause])[: 60 * minutes * RATE_HZ - total]
            file.write(both)
            total, count = total + len(both), count + 1
    return count


def resident_mb():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def answer(path):
    """Prints the figures of one recording."""
    from voxjax import EmotionPredictor
    from voxjax.inference.timeline import timeline

    began = time.perf_counter()
    predictor = EmotionPredictor(MODEL)
    loaded_s, loaded_mb = time.perf_counter() - began, resident_mb()
    began, cpu = time.perf_counter(), time.process_time()
    found = timeline(predictor, path)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    figures = {"load_s": loaded_s, "seconds": seconds, "cpu_s": cpu_s, "segments": len(found.segments)}
    print(json.dumps({**figures, "model_mb": loaded_mb, "above_model_mb": peak_mb - loaded_mb}))


def main(data, out):
    clips = sorted((data / "ravdess").glob("Actor_*/*.flac"))
    np.random.default_rng(SEED).shuffle(clips)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in MINUTES:
            path = pathlib.Path(folder) / f"{minutes}.wav"
            count = write(path, clips, minutes)
            load = os.getloadavg()[0]
            command = [sys.executable, __file__, "--answer", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            path.unlink()
            rows.append({"minutes": minutes, "clips": count, "load_before": load, **json.loads(done.stdout)})
            print(json.dumps(rows[-1]), flush=True)
    about = {"seed": SEED, "cores": os.cpu_count(), "rows": rows, **provenance()}
    about["command"] = "python docs/results/timeline_speed.py DATA docs/results/timeline_speed.json"
    pathlib.Path(out).write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--answer":
        answer(sys.argv[2])
    else:
        main(pathlib.Path(sys.argv[1]), sys.argv[2])
