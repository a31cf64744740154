"""Sound files in containers that FFmpeg writes, as bytes."""

import itertools
import pathlib
import tempfile
from fractions import Fraction

import av
import numpy as np

# By name: (container, encoder, bits a second)
KINDS = {
    "m4a": ("ipod", "aac", 64_000),
    "mp4": ("mp4", "aac", 64_000),
    "mov": ("mov", "pcm_s16le", None),
    "alac": ("ipod", "alac", None),
    "webm": ("webm", "libopus", 48_000),
    "mka": ("matroska", "flac", None),
    "wma": ("asf", "wmav2", 64_000),
    "3gp": ("3gp", "libopencore_amrnb", 12_200),
    "amr": ("amr", "libopencore_amrnb", 12_200),
    "aac": ("adts", "aac", 64_000),
    "ac3": ("ac3", "ac3", 96_000),
    "wv": ("wv", "wavpack", None),
    "tta": ("tta", "tta", None),
    "flv": ("flv", "aac", 64_000),
    "avi": ("avi", "mp3", 64_000),
    "mts": ("mpegts", "aac", 64_000),
}


def contain(samples, rate_hz, kind, options=None, picture=False, streams=1, gap_s=0.0):
    """A file of one kind: samples `[time]` or `[time, 2]` in each stream of sound, and black video if wanted.

    The second half begins `gap_s` seconds later than the first ends.
    """
    container, codec, bits = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "file")
        _write(path, samples, rate_hz, (container, codec, bits), options, picture, streams, gap_s)
        return path.read_bytes()


def _write(path, samples, rate_hz, how, options, picture, streams, gap_s):
    container, codec, bits = how
    layout = "mono" if np.ndim(samples) == 1 else "stereo"
    with av.open(str(path), "w", format=container, options=options or {}) as out:
        tracks = [out.add_stream(codec, rate=rate_hz, layout=layout) for _ in range(streams)]
        video = out.add_stream("mpeg4", rate=10) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        for sound in tracks:
            if codec in ("wavpack", "tta"):
                sound.format = "s16p" if codec == "wavpack" else "s16"
            if bits:
                sound.bit_rate = bits
        for frame in video_frames(len(samples) / rate_hz) if picture else ():
            out.mux(video.encode(frame))
        for sound in tracks:
            frame = av.AudioFrame.from_ndarray(
                np.asarray(samples, np.float32).reshape(1, -1), format="flt", layout=layout
            )
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


def video_frames(duration_s):
    """Black frames, 10 a second."""
    for i in range(round(10 * duration_s)):
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        frame.pts, frame.time_base = i, Fraction(1, 10)
        yield frame
