"""Ways in which one recording comes back under another name, for tests of identity."""

import io

import numpy as np
import soundfile
import soxr

RATE_HZ = 16_000


def coded(samples, kind, **options):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=kind, **options)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def padded(samples):
    return np.concatenate([np.zeros(777, np.float32), samples, np.zeros(1_999, np.float32)])


# Each must still be recognised as the recording that it was made from.
DISGUISES = {
    "renamed": lambda x: x,
    "flac": lambda x: coded(x, "FLAC"),
    "ogg": lambda x: coded(x, "OGG"),
    "mp3": lambda x: coded(x, "MP3"),
    "trimmed by 10 ms": lambda x: x[160:],
    "cut at the end": lambda x: x[: -len(x) // 8],
    "padded": padded,
    "3 dB louder": lambda x: np.clip(1.41 * x, -1, 1),
    "3 dB softer": lambda x: 0.708 * x,
    "with an offset": lambda x: x + 0.005,
    "at 44.1 kHz and back": lambda x: soxr.resample(soxr.resample(x, RATE_HZ, 44_100), 44_100, RATE_HZ),
    "all at once": lambda x: coded(np.clip(1.41 * x[160:] + 0.002, -1, 1), "MP3"),
}
EXACT = ("renamed", "flac")  # the samples stay the same, as 16 bits
