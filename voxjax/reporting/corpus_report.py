"""The report of a corpus: `report.html`, `quality.json` and `issues.csv`."""

import collections
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from voxjax.audio import features
from voxjax.audio import io as sound
from voxjax.config import FrameFeatures
from voxjax.data import quality
from voxjax.reporting import corpus_plots, html
from voxjax.storage import atomic, csv_text
from voxjax.storage.paths import AnyPath

_FEATURES = FrameFeatures()


def write(folder: AnyPath, name: str, corpus: quality.Corpus, found: list[quality.Issue]) -> None:
    """Writes the three files.

    Args:
        folder: created if missing.
        name: of the corpus, for the title.
        corpus: as read.
        found: its issues.

    Raises:
        OSError: if the folder can't be written.
    """
    figures = quality.figures(corpus, found)
    atomic.write(folder / "issues.csv", csv_text.text([quality.Issue._fields, *found]))
    atomic.write(folder / "quality.json", json.dumps(figures, indent=1, allow_nan=False) + "\n")
    atomic.write(folder / "report.html", page(name, corpus, figures))


def page(name: str, corpus: quality.Corpus, figures: Mapping[str, Any]) -> str:
    """The page `report.html` as text.

    Args:
        figures: the content of `quality.json`.
    """
    title = f"Data quality of {name}: {html.plural(figures['clips'], 'clip')}"
    pictures = list(_pictures(corpus)) if corpus.measured else []
    return html.render("corpus_report.html", title=title, checks=quality.CHECKS, figures=figures, pictures=pictures)


class _Picture(NamedTuple):
    title: str
    name: str
    png: bytes
    caption: str


def _pictures(corpus: quality.Corpus) -> Iterator[_Picture]:
    durations, levels = (_by_label(corpus, field) for field in ("duration_s", "level_db"))
    yield _Picture("Durations", "durations", corpus_plots.durations(durations), "Of all clips, and by label.")
    caption = "Of whole clips. If levels differ much between labels, a model may learn the level and not the voice."
    yield _Picture("Levels", "levels", corpus_plots.levels(levels), caption)
    caption = "Log-mel spectrogram of the clip whose duration and level are nearest to the medians of its label."
    png = corpus_plots.spectrograms(_typical(corpus), _FEATURES.hop_ms / 1000, _FEATURES.mel_high_hz)
    yield _Picture("A typical clip of each label", "spectrograms", png, caption)


def _by_label(corpus: quality.Corpus, field: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = collections.defaultdict(list)
    for i, one in corpus.measured.items():
        values[corpus.manifest.clips[i].emotion].append(one._asdict()[field])
    return {label: values[label] for label in corpus.manifest.labels if label in values}


def _typical(corpus: quality.Corpus) -> dict[str, np.ndarray]:
    """Log-mel spectrograms in dB, `[frames, mels]`, of the clip of each label nearest to its medians."""
    found = {}
    for label in corpus.manifest.labels:
        clips = [i for i in corpus.measured if corpus.manifest.clips[i].emotion == label]
        if clips:
            values = np.array([[np.log(corpus.measured[i].duration_s), corpus.measured[i].level_db] for i in clips])
            spread = np.maximum(values.std(0), 1e-6)
            distance = np.abs((values - np.median(values, axis=0)) / spread).sum(1)
            found[label] = _log_mels(corpus, clips[int(distance.argmin())])
    return found


def _log_mels(corpus: quality.Corpus, i: int) -> np.ndarray:
    samples = sound.read(corpus.manifest.root / corpus.manifest.clips[i].path, _FEATURES.sample_rate_hz)
    return np.asarray(jax.device_get(features.logmel(_FEATURES, jnp.asarray(samples[: _FEATURES.max_samples]))))
