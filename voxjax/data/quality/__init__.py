"""What a corpus is made of, and what is wrong with it."""

import collections
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from voxjax.audio import io
from voxjax.data.manifest import Clip, Manifest
from voxjax.data.quality import checks
from voxjax.data.quality.checks import CHECKS, Corpus, Finding
from voxjax.data.quality.clip_measurements import RATE_HZ, Sound, measure

__all__ = ["CHECKS", "Corpus", "Finding", "Sound", "figures", "findings", "measure", "read", "text"]

_SHOWN = 10  # findings of one check on a terminal


def read(manifest: Manifest, progress: Callable[[int], object]) -> Corpus:
    """Reads every clip.

    Args:
        manifest: the corpus.
        progress: told how many clips are done since it was last called.
    """
    sounds: dict[int, Sound] = {}
    broken: dict[str, str] = {}

    def one(i: int) -> Sound | str:
        try:
            return measure(io.read(manifest.root / manifest.clips[i].path, RATE_HZ))
        except io.AudioError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, found in enumerate(pool.map(one, range(len(manifest)))):
            if isinstance(found, str):
                broken[manifest.clips[i].path] = found
            else:
                sounds[i] = found
            progress(1)
    return Corpus(manifest, sounds, broken)


def findings(corpus: Corpus) -> list[Finding]:
    """Everything that needs a look, in the order of `CHECKS`."""
    return checks.all_of(corpus)


def figures(corpus: Corpus, found: list[Finding]) -> dict[str, Any]:
    """The report as JSON has it.

    Returns:
        `clips`; counts by `emotion`, `speaker` and `gender`; `duration_s`, `level_db` and `silence_share` as
        [smallest, median, largest], `level_db_by_emotion` medians; and `findings`, by check, each a list of
        `{"what": …, "detail": …, "severity": …}`.
    """
    manifest, sounds = corpus.manifest, corpus.sounds
    by_check = {name: [one for one in found if one.check == name] for name in CHECKS}
    return {
        "clips": len(manifest),
        "emotion": _counts(manifest, lambda clip: clip.emotion),
        "speaker": _counts(manifest, lambda clip: clip.speaker),
        "gender": _counts(manifest, lambda clip: clip.gender or "unknown"),
        "duration_s": _spread([sound.duration_s for sound in sounds.values()]),
        "level_db": _spread([sound.level_db for sound in sounds.values()]),
        "silence_share": _spread([sound.silence_share for sound in sounds.values()]),
        "level_db_by_emotion": _levels(corpus),
        "findings": {
            name: [{"what": one.what, "detail": one.detail, "severity": one.severity} for one in some]
            for name, some in by_check.items()
        },
    }


def text(told: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    lines = [f"{told['clips']} clips"]
    for group in ("emotion", "gender", "speaker"):
        lines.append(f"\nby {group}:")
        lines += [f"  {name:<16}{count:>7}" for name, count in told[group].items()]
    lines.append(f"\n{'':<18}{'smallest':>10}{'median':>10}{'largest':>10}")
    for figure in ("duration_s", "level_db", "silence_share"):
        lines.append(f"{figure:<18}" + "".join(f"{value:>10.2f}" for value in told[figure]))
    lines.append("\nmedian level by emotion, dB of full scale:")
    lines += [f"  {name:<16}{level:>7.1f}" for name, level in told["level_db_by_emotion"].items()]
    looks = list(_looks(told["findings"]))
    return "\n".join([*lines, "\nneeds a look:" if looks else "\nnothing needs a look", *looks])


def _looks(found: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    for name, some in found.items():
        if some:
            yield f"  {some[0]['severity']}: {CHECKS[name].title} ({len(some)}); {CHECKS[name].do}"
            yield from (f"    {one['what']}: {one['detail']}" for one in some[:_SHOWN])
            if len(some) > _SHOWN:
                yield f"    and {len(some) - _SHOWN} more (--workdir=DIR writes all)"


def _counts(manifest: Manifest, of: Callable[[Clip], str]) -> dict[str, int]:
    return dict(sorted(collections.Counter(of(clip) for clip in manifest.clips).items()))


def _spread(values: list[float]) -> list[float]:
    """Smallest, median and largest, or zeros where no clip could be read."""
    return [float(np.quantile(values, share)) for share in (0.0, 0.5, 1.0)] if values else [0.0] * 3


def _levels(corpus: Corpus) -> dict[str, float]:
    levels: dict[str, list[float]] = {}
    for i, sound in corpus.sounds.items():
        levels.setdefault(corpus.manifest.clips[i].emotion, []).append(sound.level_db)
    return {name: float(np.median(levels[name])) for name in corpus.manifest.labels if name in levels}
