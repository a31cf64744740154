"""Changed sound files: each is refused in one line, or read as finite samples within the limits."""

import functools
import io as buffers
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from voxjax.audio import io
from voxjax.audio.limits import AudioLimits
from voxjax.benchmarks.soak import changed_bytes, watched
from voxjax.benchmarks.soak.containers import KINDS, contain
from voxjax.data import synthetic

RATE_HZ = 16_000
_LIMITS = AudioLimits()
_WRITTEN = (  # format and subtype of libsndfile, rate and channels
    ("WAV", "PCM_16", 16_000, 1),
    ("WAV", "PCM_U8", 8_000, 2),
    ("WAV", "FLOAT", 22_050, 1),
    ("WAV", "GSM610", 8_000, 1),
    ("WAV", "MS_ADPCM", 16_000, 1),
    ("WAV", "ULAW", 8_000, 1),
    ("WAVEX", "PCM_24", 16_000, 2),
    ("RF64", "PCM_16", 16_000, 1),
    ("W64", "PCM_16", 16_000, 1),
    ("AIFF", "PCM_16", 16_000, 1),
    ("AU", "PCM_16", 16_000, 1),
    ("CAF", "PCM_16", 16_000, 1),
    ("CAF", "ALAC_16", 16_000, 1),
    ("NIST", "PCM_16", 16_000, 1),
    ("VOC", "PCM_16", 16_000, 1),
    ("FLAC", "PCM_16", 16_000, 2),
    ("OGG", "VORBIS", 16_000, 1),
    ("OGG", "OPUS", 16_000, 1),
    ("MP3", "MPEG_LAYER_III", 16_000, 1),
)
_CONTAINED_HZ = {"3gp": 8_000, "ac3": 48_000, "amr": 8_000, "webm": 48_000}
_SECONDS = (0.25, 0.6)


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` changed files, each read in a process that is watched; those with a fault stay in the folder.

    An answer is wrong where the samples are not float32 `[time]`, finite, and within the limits of `AudioLimits`. That
    a changed sample value is read as another sound is none: a sound file has no digest.

    Args:
        folder: for files with a fault.
        count: of changed files.
        seed: of the changes.
    """
    logging.getLogger("voxjax").setLevel(logging.ERROR)  # warnings of gaps would be many
    folder.mkdir(parents=True, exist_ok=True)
    files = sources()
    names, contents = tuple(files), tuple(files.values())
    make = functools.partial(_file, contents, seed)

    def keep(outcome: watched.Outcome) -> None:
        content = make(outcome.item)
        (folder / f"{outcome.end}-{outcome.item}").write_bytes(content)
        print(f"{outcome} {names[outcome.item % len(names)]}", flush=True)

    return {"kinds": len(names), **watched.measured(lambda item: _read(make(item)), count, keep)}


def sources() -> Mapping[str, bytes]:
    """Whole sound files of all kinds that VoxJAX reads, of a quarter of a second and longer, by name."""
    speech = synthetic.render(synthetic.SPEAKERS[0], "happy", 0)
    files = {}
    for seconds in _SECONDS:
        for kind, subtype, rate_hz, channels in _WRITTEN:
            buffer = buffers.BytesIO()
            samples = np.repeat(speech[: round(seconds * rate_hz), None], channels, axis=1)
            soundfile.write(buffer, samples, rate_hz, format=kind, subtype=subtype)
            files[f"{kind} {subtype} {seconds:g} s"] = buffer.getvalue()
        for kind in KINDS:
            rate_hz = _CONTAINED_HZ[kind] if kind in _CONTAINED_HZ else RATE_HZ
            samples = speech[: round(seconds * rate_hz)]
            files[f"{kind} {seconds:g} s"] = contain(samples, rate_hz, kind, picture=kind in ("mp4", "mov"))
    return files


def _file(contents: tuple[bytes, ...], seed: int, item: int) -> bytes:
    """The changed file of this number: of each source in turn."""
    rng = np.random.default_rng([seed, item])
    return changed_bytes.changed(rng, contents[item % len(contents)], contents)


def _read(content: bytes) -> None:
    """Reads a file as training and prediction do.

    Raises:
        VoxJaxError: where it is refused.
        WrongResultError: at samples that are none.
    """
    samples = io.read(buffers.BytesIO(content), RATE_HZ)
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise watched.WrongResultError("wrong", f"{samples.dtype} {samples.shape}")
    if not np.isfinite(samples).all():
        raise watched.WrongResultError("not_finite", "samples")
    if not len(samples) or len(samples) > _LIMITS.max_duration_s * RATE_HZ + 1 or np.abs(samples).max() > 16:
        raise watched.WrongResultError("wrong", f"{len(samples)} samples up to {np.abs(samples).max():g}")
