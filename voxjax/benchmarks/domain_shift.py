"""What the check of unlike recordings notices: other corpora, telephone, noise, music, other languages."""

import collections
import dataclasses
import functools
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from voxjax import labels
from voxjax.audio import corruptions, io
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.data import corpora
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError, mismatch
from voxjax.experiments import train
from voxjax.inference.predictor import EmotionPredictor
from voxjax.metrics import classification, domain_distance, soft_voting
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline.folds import make_fold
from voxjax.pipeline.run_spec import RunSpec, resolve
from voxjax.storage import atomic
from voxjax.storage.provenance import provenance

_OTHER_CORPUS = "emodb"
_MUSIC_CLIPS, _MUSIC_S = 60, 4.0
_SPOKEN = {  # a sentence for each voice of espeak-ng
    "de": "Der Zug nach Hamburg fährt heute von einem anderen Gleis.",
    "fr": "Le train pour Lyon part aujourd'hui d'une autre voie.",
    "es": "El tren a Sevilla sale hoy de otra vía.",
    "pl": "Pociąg do Gdańska odjeżdża dzisiaj z innego toru.",
    "tr": "Ankara treni bugün başka bir perondan kalkıyor.",
}
_SPEEDS, _PITCHES = (140, 170, 200), (30, 50, 70)  # words a minute; espeak-ng's scale


class _Recordings(NamedTuple):
    """Recordings of one kind; a label is empty where there is none."""

    samples: Sequence[Float32[np.ndarray, " _"]]
    emotions: Sequence[str]


@dataclasses.dataclass
class _Answers:
    """Answers to recordings of one kind, over all folds."""

    distances: list[float] = dataclasses.field(default_factory=list)
    probabilities: list[np.ndarray] = dataclasses.field(default_factory=list)
    truth: list[int] = dataclasses.field(default_factory=list)  # -1 where no label is known


def unlike_recordings(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """Which share of recordings is noticed as unlike the training clips, and how good the remaining answers are.

    A model is trained on each fold. Its test speakers are as they were recorded, by telephone, and in noise as loud
    as the voice; the other recordings are EmoDB, synthesised chords, and five languages spoken by espeak-ng.

    Args:
        spec: of a run by speaker, with EmoDB beside its corpus.
        plan: how many folds, from the config's on.

    Yields:
        A figure for each kind of recording.

    Raises:
        VoxJaxError: without the program espeak-ng, or a model without a density.
    """
    found: dict[str, _Answers] = collections.defaultdict(_Answers)
    for fold in range(spec.config.fold, spec.config.fold + plan.folds):
        own = resolve(dataclasses.replace(spec.config, fold=fold), spec.paths)
        with atomic.scratch_folder() as folder:
            train.train(own, folder / "run", "new")
            predictor = EmotionPredictor(folder / "run/model")
        for kind, recordings in _kinds(own).items():
            _answer(predictor, recordings, found[kind])
    common = {"suite": "domain", "model": spec.config.name, "protocol": spec.config.protocol, "folds": plan.folds}
    for kind, answers in found.items():
        yield {**common, "kind": kind, **_figures(answers), **provenance()}


def _kinds(spec: RunSpec) -> dict[str, _Recordings]:
    """The recordings of each kind, for one fold."""
    dataset = datasets.load(spec)
    fold = make_fold(spec, dataset, spec.config.fold, spec.config.seed)
    clips = [dataset.manifest.clips[i] for i in fold.split.test]
    as_recorded = [dataset.clip_store.clip(int(i)) for i in fold.split.test]
    emotions = [clip.emotion for clip in clips]
    telephone = next(row for row in corruptions.CORRUPTIONS if row.kind == "telephone")
    changed = {"telephone": telephone, "noise at 0 dB": corruptions.white_noise(0.0)}
    rate_hz = spec.sample_rate_hz
    return {
        "new speakers": _Recordings(as_recorded, emotions),
        **{name: _Recordings(_corrupted(row, as_recorded, rate_hz), emotions) for name, row in changed.items()},
        _OTHER_CORPUS: _other_corpus(spec, rate_hz),
        "music": _unlabelled([_chords(i, rate_hz) for i in range(_MUSIC_CLIPS)]),
        "other languages": _unlabelled(_spoken(rate_hz)),
    }


def _unlabelled(samples: Sequence[Float32[np.ndarray, " _"]]) -> _Recordings:
    return _Recordings(samples, [""] * len(samples))


def _corrupted(
    row: corruptions.Corruption, samples: Sequence[Float32[np.ndarray, " _"]], rate_hz: int
) -> list[Float32[np.ndarray, " _"]]:
    contexts = (corruptions.Context(rate_hz, (), np.random.default_rng(i)) for i in range(len(samples)))
    return [corruptions.corrupt(row, one, context) for one, context in zip(samples, contexts, strict=True)]


@functools.cache
def _decoded(clip: Clip, root: Path, rate_hz: int) -> Float32[np.ndarray, " time"]:
    return io.read(root / clip.path, rate_hz)


def _other_corpus(spec: RunSpec, rate_hz: int) -> _Recordings:
    manifest = corpora.load(_OTHER_CORPUS, spec.paths.data_dir, spec.paths.cache)
    samples = [_decoded(clip, Path(manifest.root), rate_hz) for clip in manifest.clips]
    return _Recordings(samples, [clip.emotion for clip in manifest.clips])


def _chords(seed: int, rate_hz: int) -> Float32[np.ndarray, " time"]:
    """A sequence of eight plucked chords, each with five harmonics of four notes."""
    random = np.random.default_rng(seed)
    samples = np.zeros(round(_MUSIC_S * rate_hz))
    length = len(samples) // 8
    time_s = np.arange(length) / rate_hz
    for start in range(0, 8 * length, length):
        root_hz = 110.0 * 2.0 ** (random.integers(0, 24) / 12.0)
        for interval in (1.0, 1.26, 1.5, 2.0):
            for harmonic in range(1, 6):
                tone = np.sin(2.0 * np.pi * root_hz * interval * harmonic * time_s) / harmonic
                samples[start : start + length] += tone * np.exp(-3.0 * time_s)
    return (0.1 * samples / np.abs(samples).max()).astype(np.float32)


@functools.cache
def _spoken(rate_hz: int) -> list[Float32[np.ndarray, " time"]]:
    """Sentences of other languages by espeak-ng, at several speeds and pitches."""
    if shutil.which("espeak-ng") is None:
        raise VoxJaxError(mismatch("suite domain", "the program espeak-ng", "none", "install it (apt, brew)"))
    found = []
    with atomic.scratch_folder() as folder:
        path = folder / "spoken.wav"
        for voice, sentence in _SPOKEN.items():
            for speed in _SPEEDS:
                for pitch in _PITCHES:
                    flags = ["-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(path)]
                    subprocess.run(["espeak-ng", *flags, sentence], check=True)
                    found.append(io.read(path, rate_hz))
    return found


def _answer(predictor: EmotionPredictor, recordings: _Recordings, answers: _Answers) -> None:
    """Adds a model's answers to recordings."""
    place: Mapping[str, int] = {label: i for i, label in enumerate(predictor.labels)}
    sources = [(one, predictor.sample_rate_hz) for one in recordings.samples]
    for emotion, vote in zip(recordings.emotions, predictor.votes(sources), strict=True):
        if not np.isfinite(vote.distance):
            raise VoxJaxError(mismatch("suite domain", "a model with a density", "none", "train on 40 clips or more"))
        answers.distances.append(vote.distance)
        answers.probabilities.append(soft_voting.softmax(vote.log_probabilities / predictor.temperature))
        name = emotion if emotion in place else labels.common(emotion)
        answers.truth.append(place[name] if name in place else -1)


def _figures(answers: _Answers) -> dict[str, Any]:
    """Share noticed, and accuracy and ECE of all labelled answers and of those that were not noticed."""
    outside = np.array(answers.distances) > 1.0
    truth, probabilities = np.array(answers.truth), np.array(answers.probabilities)
    parts = {"all": truth >= 0, "not_noticed": (truth >= 0) & ~outside}
    figures: dict[str, Any] = {
        "n": len(outside),
        "noticed": float(outside.mean()),
        "usual": domain_distance.FALSE_ALARMS,
        "mean_confidence": float(probabilities.max(-1).mean()),
    }
    for name, own in parts.items():
        if own.any():
            accuracy = float((probabilities[own].argmax(-1) == truth[own]).mean())
            ece = classification.ece(probabilities[own], truth[own])
            figures[name] = {"n": int(own.sum()), "accuracy": accuracy, "ece": float(ece)}
    return figures
