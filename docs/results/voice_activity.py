"""Measures the detectors of voice activity frame by frame, on clips with pauses in several noises.

python docs/results/voice_activity.py DATA docs/results/voice_activity.json

DATA holds `ravdess/` and `emodb/`. The energy gate's thresholds were chosen on RAVDESS actors 1 to 12; the figures are
of actors 13 to 24 and of EmoDB. What is speech is read off the clean clips, which were recorded in studios: frames
within 35 dB of a clip's loudest, gaps below 0.2 s included. Noise is added to the whole recording, pauses included.
"""

import functools
import itertools
import json
import pathlib
import sys
import time

import numpy as np

from voxjax.audio import corruptions, io
from voxjax.benchmarks import domain_shift
from voxjax.inference.voice_activity import DETECTORS, FRAME_S, SECTION_S
from voxjax.storage.provenance import provenance

RATE_HZ = 16_000
FRAME = round(FRAME_S * RATE_HZ)
CLIPS = 60  # of each corpus
SEED = 0
SPOKEN_DB, GAP_FRAMES = 35.0, 10
JOINED_FRAMES = 15  # shorter pauses are closed in what a detector says, as timelines do


def closed(speech, gap):
    """Frames of speech, pauses of at most `gap` frames included."""
    found, loud = speech.copy(), np.flatnonzero(speech)
    for before, after in itertools.pairwise(loud):
        if after - before <= gap:
            found[before:after] = True
    return found


def spoken(samples):
    power = np.square(samples.reshape(-1, FRAME), dtype=np.float64).mean(axis=1)
    return closed(power > power.max() * 10 ** (-SPOKEN_DB / 10), GAP_FRAMES)


def joined(paths, random):
    """Clips with pauses of 0.3 to 2 s, and in which frames somebody speaks."""
    parts, truth = [], []
    for path in paths:
        samples = io.read(path, RATE_HZ)
        samples = samples[: len(samples) // FRAME * FRAME]
        pause = round(random.uniform(0.3, 2.0) / FRAME_S)
        parts += [samples, random.normal(scale=1e-4, size=pause * FRAME).astype(np.float32)]
        truth += [spoken(samples), np.zeros(pause, bool)]
    return np.concatenate(parts), np.concatenate(truth)


def added(noise, samples, context, snr_db):
    """Samples with noise, repeated, whose mean power is `snr_db` below theirs."""
    repeated = np.resize(noise, len(samples))
    scale = np.sqrt(np.mean(samples**2) / np.mean(repeated**2)) * 10 ** (-snr_db / 20)
    return samples + scale * repeated


def noises(data, random):
    """Name to corruption."""
    others = [io.read(path, RATE_HZ) for path in sorted((data / "ravdess/Actor_05").iterdir())[:20]]
    music = np.concatenate([domain_shift._chords(i, RATE_HZ) for i in range(20)])
    taps = np.zeros(20 * RATE_HZ)
    for place in random.integers(len(taps) - 800, size=30):
        taps[place : place + 800] += random.normal(size=800) * np.exp(-np.arange(800) / 100)
    rows = {"as recorded": None}
    rows |= {f"white noise, {snr} dB": corruptions.white_noise(snr) for snr in (20, 10, 5, 0)}
    for name, kind, strength in (
        ("reverberation, 0.6 s", "reverberation", "0.6 s RT60"),
        ("telephone", "telephone", "300 to 3,400 Hz"),
        ("babble of five voices, 10 dB", "babble", "10 dB SNR"),
    ):
        rows[name] = next(row for row in corruptions.CORRUPTIONS if (row.kind, row.strength) == (kind, strength))
    for name, noise in (("music", music), ("taps", taps)):
        for snr in (20, 10):
            rows[f"{name}, {snr} dB"] = corruptions.Corruption(name, "", functools.partial(added, noise, snr_db=snr))
    return rows, corruptions.Context(RATE_HZ, others, random)


def measured(detector, samples, truth):
    detect, size = detector(RATE_HZ), round(SECTION_S * RATE_HZ)
    began = time.process_time()
    parts = [detect(samples[i : i + size]) for i in range(0, len(samples), size)]
    seconds = time.process_time() - began
    found = closed(np.concatenate(parts), JOINED_FRAMES)
    return {
        "error": float((found != truth).mean()),
        "missed": float((~found & truth).sum() / truth.sum()),
        "false_alarms": float((found & ~truth).sum() / (~truth).sum()),
        "cpu_s_per_hour": seconds / (len(samples) / RATE_HZ) * 3600,
    }


def main(data, out):
    random = np.random.default_rng(SEED)
    ravdess = [path for actor in range(13, 25) for path in sorted((data / f"ravdess/Actor_{actor:02d}").iterdir())]
    corpora = {"ravdess, actors 13 to 24": ravdess, "emodb": sorted((data / "emodb/wav").iterdir())}
    rows = []
    for corpus, paths in corpora.items():
        chosen = [paths[i] for i in random.choice(len(paths), CLIPS, replace=False)]
        samples, truth = joined(chosen, random)
        kinds, context = noises(data, random)
        for kind, row in kinds.items():
            given = samples if row is None else corruptions.corrupt(row, samples, context)
            for name in ("energy", "silero"):
                figures = measured(DETECTORS[name], given, truth)
                rows.append({"corpus": corpus, "noise": kind, "detector": name, **figures})
                print(json.dumps(rows[-1]), flush=True)
    about = {"seed": SEED, "clips": CLIPS, "rows": rows, **provenance()}
    about["command"] = "python docs/results/voice_activity.py DATA docs/results/voice_activity.json"
    pathlib.Path(out).write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
