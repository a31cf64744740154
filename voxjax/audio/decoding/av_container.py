"""Sound of containers that libsndfile does not read (MPEG-4, Matroska, Windows Media, AMR …), decoded by FFmpeg.

PyAV brings FFmpeg, and is imported where such a file is read. FFmpeg is given the open file and one demuxer, chosen by
content, and decoders of sound alone: a playlist or a reference to another file or address is never followed.
"""

import itertools
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from voxjax.audio.decoding import asf, mpeg4
from voxjax.audio.decoding.av_clock import Clock, ClockedFile
from voxjax.audio.decoding.byte_source import ByteSource, Range
from voxjax.audio.decoding.samples import BLOCK_SAMPLES, Blocks, check_format, cut_off, float32
from voxjax.audio.decoding.signatures import CONVERT, Kind
from voxjax.audio.limits import AudioError, AudioLimits
from voxjax.errors import mismatch

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_DECODERS = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,alac,amrnb,amrwb,ape,cook,dca,dsd_lsbf,dsd_lsbf_planar,"
    "dsd_msbf,dsd_msbf_planar,dst,eac3,flac,gsm,gsm_ms,mp1float,mp2float,mp3,mp3float,nellymoser,opus,pcm_alaw,pcm_bluray,"
    "pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,"
    "pcm_s32le,pcm_s8,pcm_u8,qdm2,ra_144,ra_288,real_144,real_288,sipr,speex,truehd,tta,vorbis,wavpack,wmalossless,"
    "wmapro,wmav1,wmav2,wmavoice"
)
_CHECKS: Mapping[str, Callable[[ByteSource, int, str], None]] = {"asf": asf.check, "mov": mpeg4.check}  # by demuxer
_ENCRYPTED = ("enca", "encv", "drms")  # codec tags
_TIMED = ("mov", "matroska", "asf", "flv", "mpeg", "mpegts")  # demuxers with times of packets, so that gaps show
_STATED = ("mov", "matroska", "asf", "avi", "flv", "ape", "wv", "tta")  # demuxers with a length that is no estimate
_GAP_S = 0.2  # shorter ones are rounded times and clocks that drift
_SILENCE_S, _SILENCE_PART = 600.0, 10.0  # all gaps may take this, and this many times the sound
_MISSING_S = 0.3  # of the stated length: an encoder's delay and the rest of its last frame
_MISSING_PART = 1e-3
_PER_SECOND = 1_000_000  # units of a container's times
_PLANES = 8  # pointers in a frame of FFmpeg
_AGAIN = "copy or record the file again"


class _Part(NamedTuple):
    rate_hz: int
    samples: np.ndarray  # float32 [time, channels]


def streams(source: ByteSource, start: int, kind: Kind, name: str, limits: AudioLimits) -> Iterator[Blocks]:
    """The blocks of a file's sound: of its default stream, or of the first.

    Args:
        source: the file.
        start: place of its signature.
        kind: of the file, with FFmpeg's demuxer.
        name: for messages.
        limits: on the sound, and on the time that decoding may take.

    Yields:
        One stream; more where the rate or the number of channels changes.

    Raises:
        AudioError: without PyAV; at a file without sound, one that is damaged, cut off or copy-protected, and beyond
            the limits. That a recording which states no length was cut off between two packets can't be known.
    """
    av = _library(kind, name)
    clock = Clock(limits.max_decode_s, name)
    file = ClockedFile(source, [Range(start, source.size)], clock)
    if kind.demuxer in _CHECKS:
        _CHECKS[kind.demuxer](source, start, name)
    with _damage_named(av, kind, name):
        container = _opened(av, file, kind, limits)
    with container:
        sound = _sound(container, name)
        parts = _named_parts(av, container, sound, kind, name, limits, clock)
        for (rate_hz, channels), run in itertools.groupby(parts, lambda part: (part.rate_hz, part.samples.shape[1])):
            check_format(rate_hz, channels, name, limits)
            yield Blocks(rate_hz, channels, _joined(run))
    if file.error is not None:
        raise file.error


def _library(kind: Kind, name: str) -> Any:
    """PyAV, which prints nothing of FFmpeg's log unless a program asks it to."""
    try:
        import av
    except ImportError as error:
        do = f"{CONVERT}, or pip install 'voxjax[video]'"
        raise AudioError(mismatch(name, "a sound file", kind.name, do)) from error
    return av


@contextmanager
def _damage_named(av: Any, kind: Kind, name: str) -> Iterator[None]:
    """FFmpeg's errors as errors of this file."""
    try:
        yield
    except av.FFmpegError as error:
        found = " ".join(str(error.strerror or error).split()).lower()
        do = f"{_AGAIN}, or {CONVERT}"
        raise AudioError(mismatch(name, f"a whole file of {kind.name}", f"damage ({found})", do)) from error


def _opened(av: Any, file: ClockedFile, kind: Kind, limits: AudioLimits) -> "InputContainer":
    options = {"format_whitelist": _demuxers(kind), "codec_whitelist": _DECODERS, "protocol_whitelist": "none"}
    container: InputContainer = av.open(
        file, format=kind.demuxer, container_options=options, metadata_errors="replace", timeout=limits.max_decode_s
    )
    return container


def _demuxers(kind: Kind) -> str:
    """The demuxer by all its names."""
    return {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}.get(kind.demuxer, kind.demuxer)


def _sound(container: "InputContainer", name: str) -> "AudioStream":
    """The default stream of sound, or the first."""
    found = list(container.streams.audio)
    if not found:
        raise AudioError(mismatch(name, "a file with sound", "none in it", "take a recording with sound"))
    sound = next((stream for stream in found if stream.disposition & stream.disposition.default), found[0])
    if len(found) > 1:
        text = "%s has %d streams of sound; number %d is read"
        logging.getLogger("voxjax").warning(text, name, len(found), found.index(sound) + 1)
    if sound.codec_context is None or sound.codec_context.name not in _DECODERS.split(","):
        codec = "an unknown codec" if sound.codec_context is None else sound.codec_context.name
        raise AudioError(mismatch(name, "sound of a known codec", codec, CONVERT))
    if sound.codec_context.codec_tag in _ENCRYPTED:
        raise _protected(name)
    sound.codec_context.thread_count = 1
    return sound


def _protected(name: str) -> AudioError:
    return AudioError(mismatch(name, "a sound file", "copy-protected sound", "buy or record it without protection"))


def _named_parts(
    av: Any, container: "InputContainer", sound: "AudioStream", kind: Kind, name: str, *how: Any
) -> Iterator[_Part]:
    """As `_parts`, with FFmpeg's errors as errors of this file."""
    with _damage_named(av, kind, name):
        yield from _parts(container, sound, kind, name, *how)


def _parts(
    container: "InputContainer", sound: "AudioStream", kind: Kind, name: str, limits: AudioLimits, clock: Clock
) -> Iterator[_Part]:
    """Decoded frames in their order, with silence for the time of missing ones; then checks that none is missing."""
    origin_s = (container.start_time or 0) / _PER_SECOND
    stated_s, own = _stated(container, sound, kind)
    if kind.demuxer == "matroska":
        stated_s -= origin_s  # it is the time of the end
    reached_s, samples, silent = 0.0, 0, 0
    for packet in container.demux(*((sound,) if own else ())):
        clock.check()
        if not own and packet.pts is not None and packet.time_base:
            reached_s = max(reached_s, float((packet.pts + (packet.duration or 0)) * packet.time_base) - origin_s)
        if packet.stream is not sound:
            continue
        _check_packet(packet, kind, name)
        for frame in sound.decode(packet):
            block = _samples(frame)
            gap_s = frame.time - origin_s - samples / frame.sample_rate if kind.demuxer in _TIMED and frame.time else 0
            _check_gap(gap_s, samples / frame.sample_rate, silent / frame.sample_rate, name, limits)
            silent += round(gap_s * frame.sample_rate) if gap_s > _GAP_S else 0
            for part in (*_silence(gap_s, samples, block.shape[1], frame.sample_rate, name), block):
                samples += len(part)
                with clock.paused():
                    yield _Part(frame.sample_rate, part)
            if own:
                reached_s = samples / frame.sample_rate
    if reached_s < stated_s - _MISSING_S - _MISSING_PART * stated_s:
        raise cut_off(name, f"{stated_s:.1f} s", f"{reached_s:.1f} s")


def _check_packet(packet: Any, kind: Kind, name: str) -> None:
    if packet.is_corrupt:
        raise AudioError(mismatch(name, f"a whole file of {kind.name}", "a damaged part", _AGAIN))
    if packet.has_sidedata("encryption_info"):
        raise _protected(name)


def _stated(container: "InputContainer", sound: "AudioStream", kind: Kind) -> tuple[float, bool]:
    """The length that a file states in seconds, 0 where it states none; and whether it is that of the sound alone."""
    if kind.demuxer not in _STATED:
        return 0.0, True
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d*)?)", sound.metadata.get("DURATION", ""))
    if tag:  # Matroska's, written by most programs
        hours, minutes, seconds = map(float, tag.groups())
        return 3_600 * hours + 60 * minutes + seconds, True
    if kind.demuxer == "mov" and sound.duration and sound.time_base:
        return float(sound.duration * sound.time_base), True
    return (container.duration or 0) / _PER_SECOND, len(container.streams) == 1


def _samples(frame: "AudioFrame") -> np.ndarray:
    """A frame as float32 [time, channels]."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= _PLANES:
        frame = _packed(frame)
    values = frame.to_ndarray()
    return float32(values.T if frame.format.is_planar else values.reshape(-1, channels))


def _packed(frame: "AudioFrame") -> "AudioFrame":
    """A frame of channels one after the other as one of interleaved channels: PyAV reads past the end of many."""
    import av

    layout, rate_hz = frame.layout, frame.sample_rate
    return av.AudioResampler(frame.format.packed, layout, rate_hz).resample(frame)[0]


def _check_gap(gap_s: float, before_s: float, silent_s: float, name: str, limits: AudioLimits) -> None:
    """Checks that a gap after `before_s`, of which `silent_s` are gaps, is one that a pause may leave.

    Raises:
        AudioError: where it is longer, or the sound would become longer than it may be.
    """
    if gap_s <= _GAP_S:
        return
    if before_s + gap_s > limits.max_duration_s:
        found = f"a gap of {gap_s:.0f} s in it"
        raise AudioError(mismatch(name, f"at most {limits.max_duration_s / 60:g} minutes", found, "cut it into parts"))
    if silent_s + gap_s > _SILENCE_S + _SILENCE_PART * (before_s - silent_s):
        found = f"gaps of {silent_s + gap_s:.0f} s after {before_s - silent_s:.1f} s of sound"
        raise AudioError(mismatch(name, "a recording without long gaps in its times", found, CONVERT))


def _silence(gap_s: float, samples: int, channels: int, rate_hz: int, name: str) -> Iterator[np.ndarray]:
    """Zeros in place of a gap after this many samples: what follows keeps its time."""
    if gap_s <= _GAP_S:
        return
    text = "%s has no sound from %.1f to %.1f s: silence is read there"
    logging.getLogger("voxjax").warning(text, name, samples / rate_hz, samples / rate_hz + gap_s)
    left, most = round(gap_s * rate_hz), max(1, BLOCK_SAMPLES // channels)
    while left:
        yield np.zeros((min(left, most), channels), np.float32)
        left -= min(left, most)


def _joined(parts: Iterator[_Part]) -> Iterator[np.ndarray]:
    """Frames, joined to larger blocks."""
    held: list[np.ndarray] = []
    for part in parts:
        held.append(part.samples)
        if sum(map(np.size, held)) >= BLOCK_SAMPLES:
            yield np.concatenate(held)
            held = []
    if sum(map(len, held)):
        yield np.concatenate(held)
