"""The quality report of a corpus: counts, measurements, and the issues that the checks find."""

import collections
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from voxjax.audio import io
from voxjax.data import read_ahead
from voxjax.data.manifest import Clip, Manifest
from voxjax.data.quality import checks
from voxjax.data.quality.checks import CHECKS, Corpus, Issue
from voxjax.data.quality.clip_measurements import RATE_HZ, ClipMeasurements, measure
from voxjax.errors import VoxJaxError
from voxjax.storage.safe_text import printable, readable

__all__ = ["CHECKS", "ClipMeasurements", "Corpus", "Issue", "figures", "issues", "measure", "read", "text"]

_PRINTED = 10  # issues of one check in the text


def read(manifest: Manifest, progress: Callable[[int], object]) -> Corpus:
    """Reads and measures every clip.

    Args:
        manifest: the corpus.
        progress: called with the number of clips done since the last call.
    """
    measured: dict[int, ClipMeasurements] = {}
    unreadable: dict[str, str] = {}

    def one(i: int) -> ClipMeasurements | VoxJaxError:
        path = manifest.root / manifest.clips[i].path
        return io.attempt(str(path), lambda: measure(io.read(path, RATE_HZ)))

    for i, found in enumerate(read_ahead.in_order(one, len(manifest))):
        if isinstance(found, VoxJaxError):
            unreadable[manifest.clips[i].clip_id] = readable(str(found))
        else:
            measured[i] = found
        progress(1)
    return Corpus(manifest, measured, unreadable)


def issues(corpus: Corpus) -> list[Issue]:
    """The issues of a corpus, in the order of `CHECKS`."""
    return checks.run_all(corpus)


def figures(corpus: Corpus, found: list[Issue]) -> dict[str, Any]:
    """The report as a JSON object.

    Returns:
        `clips`; counts by `emotion`, `speaker` and `gender`; `duration_s`, `level_db` and `silence_fraction` as
        [smallest, median, largest], `level_db_by_emotion` medians; and `issues`, by check, each a list of
        `{"what": …, "detail": …, "severity": …}`.
    """
    manifest, measured = corpus.manifest, list(corpus.measured.values())
    by_check = {name: [one for one in found if one.check == name] for name in CHECKS}
    return {
        "clips": len(manifest),
        "emotion": _counts(manifest, lambda clip: clip.emotion),
        "speaker": _counts(manifest, lambda clip: clip.speaker),
        "gender": _counts(manifest, lambda clip: clip.gender or "unknown"),
        "duration_s": _spread([one.duration_s for one in measured]),
        "level_db": _spread([one.level_db for one in measured]),
        "silence_fraction": _spread([one.silence_fraction for one in measured]),
        "level_db_by_emotion": _levels(corpus),
        "issues": {
            name: [{"what": one.what, "detail": one.detail, "severity": one.severity} for one in some]
            for name, some in by_check.items()
        },
    }


def text(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    lines = [f"{report['clips']} clips"]
    for group in ("emotion", "gender", "speaker"):
        lines += ["", f"by {group}:"]
        lines += [f"  {name:<16}{count:>7}" for name, count in report[group].items()]
    lines += ["", f"{'':<18}{'smallest':>10}{'median':>10}{'largest':>10}"]
    for figure in ("duration_s", "level_db", "silence_fraction"):
        lines.append(f"{figure:<18}" + "".join(f"{value:>10.2f}" for value in report[figure]))
    lines += ["", "median level by emotion, dB of full scale:"]
    lines += [f"  {name:<16}{level:>7.1f}" for name, level in report["level_db_by_emotion"].items()]
    found = list(_issue_lines(report["issues"]))
    return "\n".join(map(printable, [*lines, "", "issues:" if found else "no issues", *found]))


def _issue_lines(found: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    for name, some in found.items():
        if some:
            yield f"  {some[0]['severity']}: {CHECKS[name].title} ({len(some)}); {CHECKS[name].do}"
            yield from (f"    {one['what']}: {one['detail']}" for one in some[:_PRINTED])
            if len(some) > _PRINTED:
                yield f"    and {len(some) - _PRINTED} more (--workdir=DIR writes all)"


def _counts(manifest: Manifest, of: Callable[[Clip], str]) -> dict[str, int]:
    return dict(sorted(collections.Counter(of(clip) for clip in manifest.clips).items()))


def _spread(values: list[float]) -> list[float]:
    """Smallest, median and largest, or zeros where no clip could be read."""
    return [float(np.quantile(values, q)) for q in (0.0, 0.5, 1.0)] if values else [0.0] * 3


def _levels(corpus: Corpus) -> dict[str, float]:
    levels: dict[str, list[float]] = {}
    for i, clip in corpus.measured.items():
        levels.setdefault(corpus.manifest.clips[i].emotion, []).append(clip.level_db)
    return {name: float(np.median(levels[name])) for name in corpus.manifest.labels if name in levels}
