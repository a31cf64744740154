"""What a corpus is made of, and what is wrong with it."""

import collections
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from voxjax.audio import io
from voxjax.data.manifest import Clip, Manifest, duplicates

RATE_HZ = 16_000  # levels and silence don't need more
_FRAME_SAMPLES = 400  # 25 ms
_SILENT_BELOW_PEAK_DB = 40.0
_CLIPPED_PEAK = 0.999  # of full scale
_FEW_SHARE = 0.5  # a label below this share of the commonest is called rare


class Sound(NamedTuple):
    """Figures of one clip."""

    duration_s: float
    level_db: float  # of the whole clip, relative to full scale
    peak: float
    silence_share: float  # of frames more than 40 dB below the loudest


def measure(samples: np.ndarray) -> Sound:
    """The figures of a clip at 16 kHz, float32 `[time]`."""
    frames = np.pad(samples, (0, -len(samples) % _FRAME_SAMPLES)).reshape(-1, _FRAME_SAMPLES)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    silent = power < power.max() * 10 ** (-_SILENT_BELOW_PEAK_DB / 10)
    level_db = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
    return Sound(len(samples) / RATE_HZ, float(level_db), float(np.abs(samples).max()), float(silent.mean()))


def inspect(manifest: Manifest, progress: Callable[[int], object]) -> dict[str, Any]:
    """Reads every clip and reports on the corpus.

    Returns:
        `clips`; counts by `emotion`, `speaker` and `gender`; `duration_s`, `level_db` and `silence_share`
        as [smallest, median, largest], and `level_db_by_emotion` medians; and what needs a look:
        `broken` (with the reason), `clipped`, `duplicates` (groups of paths), `rare_labels`.
    """
    sounds: dict[int, Sound] = {}
    broken: dict[str, str] = {}
    for i, clip in enumerate(manifest.clips):
        try:
            sounds[i] = measure(io.read(manifest.root / clip.path, RATE_HZ))
        except io.AudioError as error:
            broken[clip.path] = str(error)
        progress(1)
    emotions = _counts(manifest, lambda clip: clip.emotion)
    return {
        "clips": len(manifest),
        "emotion": emotions,
        "speaker": _counts(manifest, lambda clip: clip.speaker),
        "gender": _counts(manifest, lambda clip: clip.gender or "unknown"),
        "duration_s": _spread([sound.duration_s for sound in sounds.values()]),
        "level_db": _spread([sound.level_db for sound in sounds.values()]),
        "silence_share": _spread([sound.silence_share for sound in sounds.values()]),
        "level_db_by_emotion": _levels(manifest, sounds),
        "broken": broken,
        "clipped": [manifest.clips[i].path for i, sound in sounds.items() if sound.peak >= _CLIPPED_PEAK],
        "duplicates": [[manifest.clips[i].path for i in group] for group in duplicates(manifest.clips)],
        "rare_labels": [name for name, n in emotions.items() if n < _FEW_SHARE * max(emotions.values())],
    }


def text(found: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    lines = [f"{found['clips']} clips"]
    for group in ("emotion", "gender", "speaker"):
        lines.append(f"\nby {group}:")
        lines += [f"  {name:<16}{count:>7}" for name, count in found[group].items()]
    lines.append(f"\n{'':<18}{'smallest':>10}{'median':>10}{'largest':>10}")
    for figure in ("duration_s", "level_db", "silence_share"):
        lines.append(f"{figure:<18}" + "".join(f"{value:>10.2f}" for value in found[figure]))
    lines.append("\nmedian level by emotion, dB of full scale:")
    lines += [f"  {name:<16}{level:>7.1f}" for name, level in found["level_db_by_emotion"].items()]
    lines.append("\nneeds a look:")
    lines += [f"  broken: {reason}" for reason in found["broken"].values()]
    lines += [f"  same audio: {' = '.join(group)}" for group in found["duplicates"]]
    lines += [f"  reaches full scale: {path}" for path in found["clipped"]]
    lines += [f"  few clips of '{name}'" for name in found["rare_labels"]]
    return "\n".join(lines if lines[-1] != "\nneeds a look:" else [*lines[:-1], "\nnothing needs a look"])


def _counts(manifest: Manifest, of: Callable[[Clip], str]) -> dict[str, int]:
    return dict(sorted(collections.Counter(of(clip) for clip in manifest.clips).items()))


def _spread(values: list[float]) -> list[float]:
    """Smallest, median and largest, or zeros where no clip could be read."""
    return [float(np.quantile(values, share)) for share in (0.0, 0.5, 1.0)] if values else [0.0] * 3


def _levels(manifest: Manifest, sounds: dict[int, Sound]) -> dict[str, float]:
    levels: dict[str, list[float]] = {}
    for i, sound in sounds.items():
        levels.setdefault(manifest.clips[i].emotion, []).append(sound.level_db)
    return {name: float(np.median(levels[name])) for name in manifest.labels if name in levels}
