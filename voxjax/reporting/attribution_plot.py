"""The picture of an explanation: the spectrogram, and over it what raised and lowered an emotion."""

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure, SubFigure

from voxjax.attribution.explanation import Attribution, Explanation
from voxjax.audio import dsp
from voxjax.reporting import fonts, plots

_LOWERED_RAISED = LinearSegmentedColormap.from_list("lowered_raised", [plots.BLUE, "#ffffff", plots.ORANGE])
_RANGE_DB = 60.0
_GREYS = 32  # levels of the spectrogram, which keeps the file small
_MOST_OPAQUE = 0.8
_TICKS_HZ = (0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
_HEIGHT = 4.6  # inches for each method
_NAMES = {"occlusion": "occlusion", "gradients": "integrated gradients"}


@matplotlib.rc_context(plots.STYLE)
def draw(name: str, explanation: Explanation) -> bytes:
    """A PNG: for each method the spectrogram with its patches, their sums over bands below and over time beside.

    Args:
        name: of the recording, for the title.
        explanation: of its answer.
    """
    methods = explanation.attributions
    figure = Figure(figsize=(9.0, 0.5 + _HEIGHT * len(methods)), layout="constrained")
    label = fonts.drawable(explanation.label)
    title = f"{fonts.drawable(name)}: {label}, {explanation.probability:.0%}"
    probabilities = explanation.answer["probabilities"]
    answer = max(probabilities, key=probabilities.__getitem__)
    if answer != explanation.label:
        title += f" (the answer is {fonts.drawable(answer)}, {probabilities[answer]:.0%})"
    figure.suptitle(plots.wrapped(title, 9.0), x=0.01, ha="left", weight="bold")
    parts = figure.subfigures(len(methods), 1, squeeze=False)[:, 0]
    for part, attribution in zip(parts, methods, strict=True):
        _method(part, explanation, attribution, label)
    return plots.png(figure)


def _method(figure: SubFigure, explanation: Explanation, attribution: Attribution, label: str) -> None:
    """One method: three axes and the scale of colours."""
    grid = figure.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(3, 1))
    over = figure.add_subplot(grid[0, 0])
    time = figure.add_subplot(grid[1, 0], sharex=over)
    band = figure.add_subplot(grid[0, 1], sharey=over)
    effects = attribution.effects
    largest = max(float(np.abs(effects).max()), 1e-6)
    edges_s, edges_mel = explanation.grid.edges_s + explanation.start_s, dsp.hz_to_mel(explanation.grid.edges_hz)
    _spectrogram(over, explanation)
    opacity = _MOST_OPAQUE * np.abs(effects.T) / largest
    norm = Normalize(-largest, largest)
    colors = _LOWERED_RAISED
    over.pcolormesh(edges_s, edges_mel, effects.T, norm=norm, cmap=colors, alpha=opacity, antialiased=False)
    _profile_over_time(time, edges_s, effects.sum(axis=1))
    _profile_over_bands(band, edges_mel, effects.sum(axis=0))
    bar = figure.colorbar(ScalarMappable(norm, colors), ax=[over, band], shrink=0.9, aspect=24, pad=0.01)
    bar.set_label(f"lowered  ·  raised {label}, nats")
    bar.outline.set_visible(False)
    over.set_title(f"What raised and lowered {label} ({_NAMES[attribution.method]})", fontsize=10.5, weight="normal")


def _spectrogram(axes: Axes, explanation: Explanation) -> None:
    """Levels in grey, over seconds and mel."""
    times = explanation.frames_s + explanation.start_s
    hop = times[1] - times[0]
    edges_s = np.append(times - hop / 2, times[-1] + hop / 2)
    bins = explanation.levels_db.shape[1]
    edges_hz = np.clip((np.arange(bins + 1) - 0.5) / (bins - 1), 0, 1) * explanation.rate_hz / 2
    shown = np.round(np.clip(explanation.levels_db.T / _RANGE_DB, -1, 0) * (_GREYS - 1))
    axes.pcolormesh(edges_s, dsp.hz_to_mel(edges_hz), shown, cmap="Greys", vmax=_GREYS / 4, rasterized=True)
    start = explanation.start_s
    axes.set(xlim=(start, start + explanation.grid.edges_s[-1]), ylabel="frequency, Hz")
    ticks = [hz for hz in _TICKS_HZ if hz <= explanation.rate_hz / 2]
    axes.set_yticks(dsp.hz_to_mel(np.array(ticks, float)), [f"{hz:,}" for hz in ticks])
    axes.set_ylim(0, float(dsp.hz_to_mel(explanation.rate_hz / 2)))
    axes.tick_params(labelbottom=False)


def _profile_over_time(axes: Axes, edges_s: Float[np.ndarray, " T+1"], sums: Float[np.ndarray, " T"]) -> None:
    """Sums over bands, as bars of each patch's duration."""
    axes.bar(edges_s[:-1], sums, np.diff(edges_s), align="edge", color=_colors(sums), edgecolor="white", linewidth=0.6)
    axes.axhline(0, color=plots.INK, linewidth=0.8)
    axes.set(xlabel="time, s", ylabel="nats, all bands")
    axes.grid(axis="y")


def _profile_over_bands(axes: Axes, edges_mel: Float[np.ndarray, " B+1"], sums: Float[np.ndarray, " B"]) -> None:
    """Sums over time, as bars of each band's height."""
    height = np.diff(edges_mel)
    axes.barh(edges_mel[:-1], sums, height, align="edge", color=_colors(sums), edgecolor="white", linewidth=0.6)
    axes.axvline(0, color=plots.INK, linewidth=0.8)
    axes.set(xlabel="nats, all times")
    axes.tick_params(labelleft=False)
    axes.grid(axis="x")


def _colors(sums: Float[np.ndarray, " n"]) -> list[str]:
    return [plots.ORANGE if value > 0 else plots.BLUE for value in sums]
