"""Sound files in containers that FFmpeg writes, as bytes."""

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np


class Container(NamedTuple):
    """A container with FFmpeg's name, its encoder and bits a second, None where these can't be chosen."""

    format: str
    encoder: str
    bits: int | None


KINDS = {
    "m4a": Container("ipod", "aac", 64_000),
    "mp4": Container("mp4", "aac", 64_000),
    "mov": Container("mov", "pcm_s16le", None),
    "alac": Container("ipod", "alac", None),
    "webm": Container("webm", "libopus", 48_000),
    "mka": Container("matroska", "flac", None),
    "wma": Container("asf", "wmav2", 64_000),
    "3gp": Container("3gp", "libopencore_amrnb", 12_200),
    "amr": Container("amr", "libopencore_amrnb", 12_200),
    "aac": Container("adts", "aac", 64_000),
    "ac3": Container("ac3", "ac3", 96_000),
    "wv": Container("wv", "wavpack", None),
    "tta": Container("tta", "tta", None),
    "flv": Container("flv", "aac", 64_000),
    "avi": Container("avi", "mp3", 64_000),
    "mts": Container("mpegts", "aac", 64_000),
}

_LAYOUTS = {1: "mono", 2: "stereo", 8: "7.1"}  # by channels


def contain(
    samples: Any,
    rate_hz: int,
    kind: str,
    options: Mapping[str, str] | None = None,
    picture: bool = False,
    streams: int = 1,
    gap_s: float = 0.0,
) -> bytes:
    """A file of one kind, with one or more streams of sound.

    Args:
        samples: `[time]`, or `[time, channels]` with 1, 2 or 8 channels, in each stream.
        rate_hz: of the samples.
        kind: a key of `KINDS`.
        options: of FFmpeg's muxer.
        picture: whether there is black video, too.
        streams: of sound.
        gap_s: how much later the second half begins than the first ends.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        _write(path, np.asarray(samples, np.float32), rate_hz, KINDS[kind], options, picture, streams, gap_s)
        return path.read_bytes()


def _write(
    path: Path,
    samples: np.ndarray,
    rate_hz: int,
    kind: Container,
    options: Mapping[str, str] | None,
    picture: bool,
    streams: int,
    gap_s: float,
) -> None:
    layout = _LAYOUTS[1 if samples.ndim == 1 else samples.shape[1]]
    with av.open(str(path), "w", format=kind.format, options=dict(options or {})) as out:
        tracks: list[Any] = [out.add_stream(kind.encoder, rate=rate_hz, layout=layout) for _ in range(streams)]
        video: Any = out.add_stream("mpeg4", rate=10) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        for sound in tracks:
            if kind.encoder in ("wavpack", "tta"):
                sound.format = "s16p" if kind.encoder == "wavpack" else "s16"
            if kind.bits:
                sound.bit_rate = kind.bits
        for image in video_frames(len(samples) / rate_hz) if picture else ():
            out.mux(video.encode(image))
        for sound in tracks:
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), 0
            resampler = av.AudioResampler(sound.format, layout, rate_hz, sound.codec_context.frame_size or None)
            packets = [sound.encode(part) for part in (*resampler.resample(frame), *resampler.resample(None), None)]
            for packet in itertools.chain(*packets):
                if packet.pts is not None and packet.pts * packet.time_base >= len(samples) / rate_hz / 2:
                    packet.pts += round(gap_s / packet.time_base)
                    packet.dts = packet.pts
                out.mux(packet)
        if video is not None:
            out.mux(video.encode(None))


def video_frames(duration_s: float) -> Iterator[Any]:
    """Black frames, 10 a second."""
    for i in range(round(10 * duration_s)):
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        frame.pts, frame.time_base = i, Fraction(1, 10)
        yield frame
