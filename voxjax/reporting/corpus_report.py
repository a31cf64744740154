"""What `inspect_data.py` leaves: `report.html`, `quality.json` and `issues.csv`."""

import collections
import csv
import io
import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from voxjax.audio import features
from voxjax.audio import io as sound
from voxjax.config import FrameFeatures
from voxjax.data import quality
from voxjax.reporting import corpus_plots
from voxjax.reporting.html_components import beside, count, page, picture, section, table
from voxjax.storage import atomic

_FEATURES = FrameFeatures()
_SHORT_LIST = 10  # rows
_ROWS = 200  # findings of one check on the page; issues.csv has all
_COLOURS = {"error": "#c0392b", "warning": "#b7791f", "note": "#5d6975"}


def write(folder: Path, name: str, corpus: quality.Corpus, found: list[quality.Finding]) -> None:
    """Writes the three files.

    Args:
        folder: is made.
        name: of the corpus, for the title.
        corpus: as read.
        found: what needs a look.

    Raises:
        OSError: where the folder can't be written.
    """
    told = quality.figures(corpus, found)
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(quality.Finding._fields)
    writer.writerows(found)
    atomic.write(folder / "issues.csv", rows.getvalue())
    atomic.write(folder / "quality.json", json.dumps(told, indent=1) + "\n")
    atomic.write(folder / "report.html", render(name, corpus, told))


def render(name: str, corpus: quality.Corpus, told: Mapping[str, Any]) -> str:
    """The page as text. Every string is escaped."""
    title = f"Data quality of {name}: {count(told['clips'], 'clip')}"
    findings = told["findings"]
    body = [
        f"<header><h1>{escape(title)}</h1></header>",
        section("What needs a look", _summary(findings)),
        *(
            section(quality.CHECKS[key].title.capitalize(), _listed(key, some))
            for key, some in findings.items()
            if some
        ),
        section("What there is", *(_counts(group, told[group]) for group in ("emotion", "gender", "speaker"))),
    ]
    if corpus.sounds:
        body += _pictures(corpus)
    return page(title, "".join(body))


def _summary(findings: Mapping[str, list[dict[str, str]]]) -> str:
    rows = []
    for key, check in quality.CHECKS.items():
        some = len(findings[key])
        said = [_coloured(check.severity), str(some), escape(check.do)] if some else ["ok", "0", ""]
        rows.append([escape(check.title), *said])
    return table(("check", "severity", "found", "what to do"), rows)


def _coloured(severity: str) -> str:
    return f'<span style="color:{_COLOURS[severity]};font-weight:600">{escape(severity)}</span>'


def _listed(key: str, some: list[dict[str, str]]) -> str:
    rows = [[escape(one["what"]), escape(one["detail"])] for one in some[:_ROWS]]
    more = f"<p>and {len(some) - _ROWS} more, in issues.csv</p>" if len(some) > _ROWS else ""
    return f"<p>{escape(quality.CHECKS[key].do.capitalize())}.</p>" + table(("what", "why"), rows) + more


def _counts(group: str, counts: Mapping[str, int]) -> str:
    """Bars; a long list stands in two columns."""
    most = max(counts.values())
    rows = [
        [escape(name), f'<span class="bar"><i style="width:{n / most:.1%}"></i></span>{n}']
        for name, n in counts.items()
    ]
    half = -(-len(rows) // 2)
    if len(rows) <= _SHORT_LIST:
        return table((group, "clips"), rows)
    return beside("halves", table((group, "clips"), rows[:half]), table((group, "clips"), rows[half:]))


def _pictures(corpus: quality.Corpus) -> Iterator[str]:
    durations, levels = (_by_label(corpus, field) for field in ("duration_s", "level_db"))
    yield section("Durations", picture(corpus_plots.durations(durations), "durations", "Of all clips, and by label."))
    caption = "Of whole clips. Where labels differ much, a network may learn the level in place of the voice."
    yield section("Levels", picture(corpus_plots.levels(levels), "levels", caption))
    caption = "Log-mels of the clip whose duration and level are nearest to its label's medians."
    drawn = corpus_plots.spectrograms(_typical(corpus), _FEATURES.hop_ms / 1000, _FEATURES.mel_high_hz)
    yield section("A typical clip of each label", picture(drawn, "spectrograms", caption))


def _by_label(corpus: quality.Corpus, field: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = collections.defaultdict(list)
    for i, one in corpus.sounds.items():
        values[corpus.manifest.clips[i].emotion].append(one._asdict()[field])
    return {label: values[label] for label in corpus.manifest.labels if label in values}


def _typical(corpus: quality.Corpus) -> dict[str, np.ndarray]:
    """Log-mels in dB, `[frames, mels]`, of one clip a label."""
    found = {}
    for label in corpus.manifest.labels:
        places = [i for i in corpus.sounds if corpus.manifest.clips[i].emotion == label]
        if places:
            values = np.array([[np.log(corpus.sounds[i].duration_s), corpus.sounds[i].level_db] for i in places])
            spread = np.maximum(values.std(0), 1e-6)
            far = np.abs((values - np.median(values, axis=0)) / spread).sum(1)
            found[label] = _log_mels(corpus, places[int(far.argmin())])
    return found


def _log_mels(corpus: quality.Corpus, i: int) -> np.ndarray:
    samples = sound.read(corpus.manifest.root / corpus.manifest.clips[i].path, _FEATURES.sample_rate_hz)
    return np.asarray(jax.device_get(features.logmel(_FEATURES, jnp.asarray(samples[: _FEATURES.max_samples]))))
