"""Reads common audio files as float32 mono samples at a given rate, or raises one clear error."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from voxjax.errors import VoxJaxError, mismatch

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")

MIN_DURATION_S = 0.1  # shorter than a syllable
SILENCE_PEAK = 1e-4  # -80 dBFS: below the noise of a quiet room

# libsndfile reads a truncated WAV, AIFF or AU up to its end, and reports it in its log only
_CUT = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
_UNKNOWN_BYTES = 0x7FFF_0000  # a declared size from here on is a pipe's placeholder
_SLACK_BYTES = 100  # some writers include the header

Source = str | Path | BinaryIO | tuple[np.ndarray, int]


class AudioError(VoxJaxError):
    """Audio that can't be used; the message contains its path."""


def read(source: Source, sample_rate_hz: int) -> Float32[np.ndarray, " time"]:
    """Decodes, mixes to mono and resamples.

    Args:
        source: a path, a binary file object, or `(samples, rate)` with samples `[time]` or `[time, channels]`,
            float in [-1, 1] or integer at full scale (unsigned ones around their middle).
        sample_rate_hz: of the result. Resampled with soxr at high quality.

    Returns:
        float32 `[time]`, full scale 1. The level is kept.

    Raises:
        AudioError: if it is missing, empty, unreadable, cut off, silent, shorter than 0.1 s, or holds
            values that are not finite. A truncated MP3 or OGG is found only if decoding fails.
    """
    name = _name(source)
    samples, rate = _decode(source, name)
    if len(samples) < MIN_DURATION_S * rate:
        found = f"{len(samples) / rate:.3f} s"
        raise AudioError(mismatch(name, f"at least {MIN_DURATION_S} s", found, "use a longer clip"))
    samples = _mono(samples, name)
    if rate != sample_rate_hz:
        samples = soxr.resample(samples, rate, sample_rate_hz)
    return np.ascontiguousarray(samples, np.float32)


def find(paths: Iterable[str | Path]) -> list[Path]:
    """Audio files among files and folders; folders are searched recursively and sorted.

    A file that is given itself is kept with any suffix.

    Raises:
        AudioError: at a folder without sound files.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(filter(is_sound, path.rglob("*")))
        if not inside:
            expected = "sound files " + ", ".join(SUFFIXES)
            raise AudioError(mismatch(str(path), expected, "none", "name another folder"))
        found += inside
    return found


def is_sound(path: Path) -> bool:
    """Whether a file is a sound by its suffix. Hidden ones are not: macOS writes `._name.wav` for `name.wav`."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _name(source: Any) -> str:
    if isinstance(source, (str, Path)):
        return str(source)
    return "the samples" if isinstance(source, tuple) else str(source)


def _decode(source: Source, name: str) -> tuple[np.ndarray, int]:
    """Samples `[time, channels]` in float32, and their rate in Hz."""
    if isinstance(source, tuple):
        return _from_memory(np.asarray(source[0]), source[1], name)
    if isinstance(source, (str, Path)):
        _check_file(Path(source))
    try:
        with soundfile.SoundFile(source) as file:
            samples = file.read(dtype="float32", always_2d=True)
            if len(samples) < file.frames and file.format != "MP3":  # the header of an MP3 only estimates the length
                raise _truncated(name, f"{file.frames} samples", f"{len(samples)} of them")
            for declared, there in (map(int, sizes) for sizes in _CUT.findall(file.extra_info)):
                if there + _SLACK_BYTES < declared < _UNKNOWN_BYTES:
                    raise _truncated(name, f"{declared} bytes of sound", f"{there} of them")
            return samples, file.samplerate
    except (soundfile.LibsndfileError, TypeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        do = "check that it plays, or convert it to WAV"
        raise AudioError(mismatch(name, "a readable sound file", reason, do)) from error


def _from_memory(samples: np.ndarray, rate: Any, name: str) -> tuple[np.ndarray, int]:
    """Samples from memory, in the form that `_decode` returns."""
    integer = np.issubdtype(samples.dtype, np.integer)
    sound = (integer or np.issubdtype(samples.dtype, np.floating)) and samples.ndim in (1, 2)
    hz = isinstance(rate, (int, float, np.integer, np.floating)) and 1 <= rate < np.inf
    if not sound or not hz or 0 in samples.shape[1:]:
        found = f"{samples.dtype} of shape {samples.shape} at {rate!r} Hz"
        do = "reshape them and give their rate"
        raise AudioError(mismatch(name, "numbers [time] or [time, channels] at a rate in Hz", found, do))
    if integer:
        middle = 0.0 if np.issubdtype(samples.dtype, np.signedinteger) else 1.0
        samples = samples / 2.0 ** (8 * samples.dtype.itemsize - 1) - middle
    return (samples if samples.ndim == 2 else samples[:, None]).astype(np.float32), int(rate)


def _truncated(name: str, expected: str, found: str) -> AudioError:
    return AudioError(mismatch(name, expected, found + ", it was cut off", "copy or record the file again"))


def _check_file(path: Path) -> None:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise AudioError(mismatch(str(path), "a sound file", found, "check the path"))
    if path.stat().st_size == 0:
        raise AudioError(mismatch(str(path), "a sound file", "an empty file", "copy or record it again"))


def _mono(samples: np.ndarray, name: str) -> np.ndarray:
    """The mean of the channels, if it is finite and not silent."""
    if not np.isfinite(samples).all():
        count = int((~np.isfinite(samples)).sum())
        raise AudioError(mismatch(name, "finite samples", f"{count} that are NaN or infinite", "export it again"))
    mono = samples.mean(axis=1, dtype=np.float32)
    if float(np.abs(mono).max()) < SILENCE_PEAK:
        raise AudioError(mismatch(name, "speech", "silence", "check the microphone and the channel"))
    return mono
