"""Counts warnings about sound: false alarms on clips of RAVDESS and EmoDB, and examples of each kind that are noticed.

python docs/results/audio_warnings.py DATA docs/results/audio_warnings.json

DATA holds `ravdess/` and `emodb/wav/`. Music and noise are synthetic, and all else is made from every third clip.
"""

import json
import pathlib
import sys

import numpy as np
import soxr

from voxjax.audio import corruptions, io, quality_checks, search
from voxjax.storage.provenance import provenance

SEED, RATE_HZ, DURATION_S, MADE = 0, 16_000, 4.0, 100


def scaled(samples):
    return np.asarray(samples / np.abs(samples).max(), np.float32)


def music(random):
    """Chords and a melody of decaying harmonic notes, with a drum."""
    time_s = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
    samples, start_s = np.zeros(len(time_s)), 0.0
    beat_s, root = random.choice([0.25, 0.4, 0.6, 1.0]), random.integers(36, 52)
    while start_s < DURATION_S:
        after_s = np.maximum(time_s - start_s, 0.0)
        sounding = (time_s >= start_s) & (after_s < 1.2 * beat_s)
        third, chord = random.choice([3, 4]), random.choice([0, 3, 5, 7, 9])
        for step in (0, third, 7, 12 + random.choice([0, 2, 4, 5, 7, 9, 11])):
            pitch_hz = 440.0 * 2.0 ** ((root + chord + step - 69) / 12)
            shape = np.where(sounding, np.exp(-after_s * random.uniform(0.5, 3)) * np.minimum(1, after_s / 0.01), 0)
            for k in range(1, 9):
                if k * pitch_hz < 7_000:
                    wave = np.sin(2 * np.pi * k * pitch_hz * time_s + random.uniform(0, 6))
                    samples += shape * wave * k ** -random.uniform(1, 2)
        drum = np.where(time_s >= start_s, np.exp(-60 * after_s), 0) * random.normal(size=len(time_s))
        samples += random.uniform(0, 0.5) * drum
        start_s += beat_s
    return 0.5 * scaled(samples)


def noise(random, exponent):
    """Noise whose power falls with frequency to this exponent: 0 white, 1 pink, 2 brown."""
    samples = random.normal(size=round(DURATION_S * RATE_HZ))
    frequency_hz = np.maximum(np.fft.rfftfreq(len(samples), 1 / RATE_HZ), 20.0)
    return np.float32(random.uniform(0.05, 0.8)) * scaled(
        np.fft.irfft(np.fft.rfft(samples) * frequency_hz ** (-exponent / 2), len(samples))
    )


def hard_clipped(samples, gain_db):
    """Clipped after the peak was raised this far above full scale."""
    return np.clip(10.0 ** (gain_db / 20.0) * scaled(samples), -1.0, 1.0)


def narrow(samples):
    return soxr.resample(soxr.resample(samples, RATE_HZ, 8_000), 8_000, RATE_HZ)


def corrupted(clips, kind, random):
    one = next(row for row in corruptions.CORRUPTIONS if f"{row.kind} {row.strength}" == kind)
    return [corruptions.corrupt(one, clip, corruptions.Context(RATE_HZ, clips, random)) for clip in clips]


def examples(corpora):
    """Name of each set of clips, the check that is meant to notice it ("" for none), and the clips."""
    random = np.random.default_rng(SEED)
    for name, clips in corpora.items():
        yield name, "", clips
    for name, clips in corpora.items():
        yield f"{name}, 40 dB lower", "too quiet", [clip * np.float32(0.01) for clip in clips[::3]]
    clips = [clip for some in corpora.values() for clip in some[::3]]
    for gain_db in (6, 12, 20):
        yield f"clipped, peak {gain_db} dB above full scale", "clipped", [hard_clipped(one, gain_db) for one in clips]
    yield "300 to 3,400 Hz", "band-limited", corrupted(clips, "telephone 300 to 3,400 Hz", random)
    yield "sampled at 8 kHz", "band-limited", [narrow(one) for one in clips]
    for name, exponent in (("white", 0), ("pink", 1), ("brown", 2)):
        yield f"{name} noise alone", "no speech", [noise(random, exponent) for _ in range(MADE)]
    yield "synthetic music", "music", [music(random) for _ in range(MADE)]
    yield "first 0.3 s", "too short", [one[: round(0.3 * RATE_HZ)] for one in clips]
    for kind in ("white noise 20 dB SNR", "babble 10 dB SNR", "reverberation 0.6 s RT60", "MP3 strong"):
        yield f"speech with {kind}", "", corrupted(clips, kind, random)


def main(data, target):
    folders = {"RAVDESS": pathlib.Path(data) / "ravdess", "EmoDB": pathlib.Path(data) / "emodb/wav"}
    corpora = {
        name: [io.read(path, RATE_HZ) for path in search.search(folder).files] for name, folder in folders.items()
    }
    rows = []
    for name, meant, clips in examples(corpora):
        measured = [quality_checks.measure(np.asarray(clip, np.float32), RATE_HZ) for clip in clips]
        found = {kind: sum(check.found(one) for one in measured) for kind, check in quality_checks.CHECKS.items()}
        warned = sum(bool(quality_checks.warnings(one)) for one in measured)
        rows.append({"clips": name, "meant": meant, "n": len(clips), "any_warning": warned, "found": found})
    result = {**provenance(), "seed": SEED, "rows": rows}
    pathlib.Path(target).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
