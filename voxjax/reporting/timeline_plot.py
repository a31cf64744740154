"""A picture of a timeline: waveform, spectrogram and, for each speaker, a row for each emotion over time."""

import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float32
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from voxjax.audio.limits import AudioLimits
from voxjax.inference import streaming
from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats import TimelineFormat, tiers
from voxjax.reporting import plots
from voxjax.reporting.sound_summary import SoundSummary
from voxjax.storage.safe_text import original

# Distinct for all common kinds of colour vision (Okabe and Ito 2008), grey in place of black; rows are named anyway.
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f")
_WITHHELD = "#b8c0c8"
_WIDTH_INCHES = 13.0
_ROW_INCHES, _SOUND_INCHES, _FRAME_INCHES = 0.24, 3.4, 1.3
_MOST_SPEAKERS = 8  # further ones are counted below the picture
_RANGE_DB = 65.0
_TEXT_INCHES = 0.36  # width of "87 %"
_PLOT_INCHES = 11.0  # width of the time axis, about
_HIGHEST_HZ = 8_000.0
_RATE_HZ = 16_000
_LIMITS = AudioLimits(max_duration_s=math.inf)  # the timeline was made under the user's
_MOST_WARNINGS = 2
_SHORTEST_S = 0.01  # of the time axis
_SMALLEST_PEAK = 0.02
_HALO = [withStroke(linewidth=2.0, foreground="white")]  # readable on every colour
_CENTRED: Any = {"ha": "center", "va": "center", "fontsize": 8, "clip_on": True}


def write(timelines: Sequence[Timeline]) -> bytes:
    """The picture of one recording, whose sound is read again from its path.

    Raises:
        AudioError: if the sound can't be read.
    """
    (timeline,) = timelines
    path = timeline.path if os.path.exists(timeline.path) else original(timeline.path)
    with streaming.opened(path, _RATE_HZ, _LIMITS) as (track,):
        return png(timeline, track.blocks(), _RATE_HZ)


def png(timeline: Timeline, blocks: Iterable[Float32[np.ndarray, " time"]], rate_hz: int) -> bytes:
    """The picture as a PNG file.

    Args:
        timeline: of one recording.
        blocks: the recording in mono, full scale 1, block by block; read once, in bounded memory.
        rate_hz: of the blocks.
    """
    summary = SoundSummary(timeline.duration_s, rate_hz)
    for block in blocks:
        summary.add(block)
    return plots.png(figure(timeline, summary))


@matplotlib.rc_context(plots.STYLE)
def figure(timeline: Timeline, summary: SoundSummary) -> Figure:
    """The picture of a timeline and its sound.

    Each segment is a box in the row of its emotion, filled up to its confidence. Answers that are withheld, and
    segments without one, have rows of their own.
    """
    speakers = list(dict.fromkeys(segment.speaker for segment in timeline.segments)) or [""]
    drawn = speakers[:_MOST_SPEAKERS]
    rows = _rows(timeline)
    heights = [1.3, 2.1, *[_ROW_INCHES * len(rows) for _ in drawn]]
    size = (_WIDTH_INCHES, _SOUND_INCHES + _FRAME_INCHES + sum(heights[2:]) + 0.35 * len(drawn))
    result = Figure(figsize=size, layout="constrained")
    waveform, spectrogram, *panels = result.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    duration_s = max(timeline.duration_s, _SHORTEST_S)
    end_s = max([duration_s, *(segment.end_s for segment in timeline.segments)])
    _draw_waveform(waveform, summary, duration_s)
    _draw_spectrogram(spectrogram, summary, duration_s)
    for axes, speaker in zip(panels, drawn, strict=True):
        own = [segment for segment in timeline.segments if segment.speaker == speaker]
        _draw_emotions(axes, own, rows, end_s)
        if speaker.strip():
            axes.set_title(plots.wrapped(tiers.one_line(speaker), _WIDTH_INCHES), fontsize=10.5, pad=4)
    panels[-1].set_xlim(0, end_s)
    panels[-1].set_xlabel(_time_axis(panels[-1], end_s))
    waveform.set_title(plots.wrapped(tiers.recording_name(timeline), _WIDTH_INCHES))
    result.align_ylabels()
    _draw_legend(result, len(speakers) - len(drawn), timeline)
    return result


def _rows(timeline: Timeline) -> list[str]:
    """Labels from top to bottom: the model's, then those in place of an emotion, where they occur."""
    labels = [tiers.clean(label) for label in timeline.labels]
    return list(dict.fromkeys([*labels, *map(tiers.label, timeline.segments)]))


def _draw_waveform(axes: Axes, summary: SoundSummary, duration_s: float) -> None:
    times = (np.arange(len(summary.low)) + 0.5) * duration_s / len(summary.low)
    axes.fill_between(times, summary.low, summary.high, color=plots.BLUE, linewidth=0.4)
    peak = max(_SMALLEST_PEAK, float(-summary.low.min()), float(summary.high.max()))
    axes.set(ylim=(-1.05 * peak, 1.05 * peak), ylabel="amplitude\n(full scale 1)")
    axes.yaxis.set_major_locator(MaxNLocator(3, symmetric=True))
    axes.tick_params(axis="x", length=0)


def _draw_spectrogram(axes: Axes, summary: SoundSummary, duration_s: float) -> None:
    values = summary.spectrogram_db()
    top = float(np.percentile(values, 99.9))
    highest_khz = summary.rate_hz / 2_000
    extent = (0.0, duration_s, 0.0, highest_khz)
    style: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "antialiased", "cmap": "magma"}
    image = axes.imshow(values.T, extent=extent, vmin=top - _RANGE_DB, vmax=top, **style)
    axes.set(ylabel="frequency\n(kHz)", ylim=(0, min(highest_khz, _HIGHEST_HZ / 1_000)))
    axes.tick_params(axis="x", length=0)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.01, aspect=14, fraction=0.02)
    bar.set_label("level (dB)")
    bar.outline.set_visible(False)


def _draw_emotions(axes: Axes, segments: Sequence[Segment], rows: Sequence[str], end_s: float) -> None:
    """The segments of a speaker: a light box each, and a strong one as high as the confidence."""
    light, strong, colors = [], [], []
    for segment in segments:
        row = rows.index(tiers.label(segment))
        base = len(rows) - 1 - row
        color = _WITHHELD if segment.emotion is None else COLORS[row % len(COLORS)]
        start, end = segment.start_s, segment.end_s
        light.append(_box(start, end, base, 1.0))
        strong.append(_box(start, end, base, segment.confidence))
        colors.append(color)
        if (end - start) / end_s * _PLOT_INCHES > _TEXT_INCHES and not segment.error:
            text = f"{100 * segment.confidence:.0f} %"
            axes.text((start + end) / 2, base + 0.5, text, path_effects=_HALO, **_CENTRED)
    axes.add_collection(PolyCollection(light, facecolors=colors, edgecolors=colors, linewidths=0.5, alpha=0.3))
    axes.add_collection(PolyCollection(strong, facecolors=colors, edgecolors=colors, linewidths=0.5))
    axes.set_yticks(np.arange(len(rows)) + 0.5, [plots.short(tiers.one_line(row)) for row in reversed(rows)])
    axes.set(ylim=(0, len(rows)), ylabel="emotion")
    axes.hlines(range(1, len(rows)), 0, end_s, color=plots.GRID, linewidth=0.8, zorder=0)
    axes.tick_params(axis="y", length=0, labelsize=9)


def _box(start: float, end: float, base: float, height: float) -> list[tuple[float, float]]:
    low, high = base + 0.06, base + 0.06 + 0.88 * height
    return [(start, low), (end, low), (end, high), (start, high)]


def _time_axis(axes: Axes, end_s: float) -> str:
    """Sets round ticks of time; the name of the axis with its unit."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400)
    step = next((one for one in steps if end_s / one <= 14), 28_800)
    axes.set_xticks(np.arange(0, end_s + step / 1_000, step))
    if end_s <= 90:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return "time (s)"
    if end_s <= 3_600:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value // 60:.0f}:{value % 60:02.0f}"))
        return "time (min:s)"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value // 3600:.0f}:{value // 60 % 60:02.0f}"))
    return "time (h:min)"


def _draw_legend(drawn: Figure, left_out: int, timeline: Timeline) -> None:
    """Below the picture: what the heights of boxes are, the speakers that are left out, and warnings."""
    handles = [
        Patch(color=plots.MUTED, label="height: confidence"),
        Patch(color=plots.MUTED, alpha=0.3, label="up to 100 %"),
    ]
    notes = [f"{left_out} more speakers are left out"] if left_out else []
    notes += [f"warning: {tiers.one_line(text)}" for text in timeline.warnings][:_MOST_WARNINGS]
    title = plots.wrapped("; ".join(notes), _WIDTH_INCHES) or None
    legend = drawn.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9, title=title)
    legend.get_title().set_fontsize(9)


FORMAT = TimelineFormat(".png", False, write)
