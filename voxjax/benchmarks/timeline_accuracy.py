"""How well timelines of unseen speakers agree with what was joined to their recordings."""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.experiments import train
from voxjax.inference import streaming, timeline_segments, timeline_windows
from voxjax.inference import timeline as timelines
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.segments import Segment, Span
from voxjax.inference.smoothing import Smooth, median, viterbi, without
from voxjax.inference.timeline_segments import Answer
from voxjax.inference.timeline_windows import Cut
from voxjax.inference.voice_activity import DETECTORS
from voxjax.metrics import segmentation
from voxjax.metrics.segmentation import Stretch
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline.folds import make_fold
from voxjax.pipeline.run_spec import RunSpec, resolve
from voxjax.storage import atomic
from voxjax.storage.provenance import provenance

FRAME_S = 0.02
TOLERANCE_S = 0.5  # of a boundary
PAUSE_S = (0.3, 2.0)  # between two clips, drawn evenly
NOISE = 1e-4  # standard deviation in the pauses: -80 dBFS
_SPOKEN_DB = 35.0  # below a clip's loudest frame: what is louder is speech
_LONGEST_RUN = 5  # clips of one emotion in a row, in recordings of the kind "runs"
NAIVE_S = 4.0  # of the fixed windows of the naive reading

CUTS = {  # window, hop and context in seconds, of which one is chosen
    "4 s, context 0.2 s": Cut(4.0, 2.0, 0.2),
    "4 s, context 0.6 s": Cut(4.0, 2.0, 0.6),
    "4 s, context 1 s": Cut(4.0, 2.0, 1.0),
    "1.5 s, context 0.2 s": Cut(1.5, 0.75, 0.2),
}
SMOOTHINGS: dict[str, Smooth] = {
    "none": without.smooth,
    **{
        f"viterbi, cost {cost:g}, memory {memory_s:g} s": functools.partial(
            viterbi.smooth, change_cost=cost, memory_s=memory_s
        )
        for cost in (0.5, 1.0, 2.0, 4.0)
        for memory_s in (0.3, 1.0, 3.0)
    },
    **{
        f"median of {2 * neighbours + 1}": functools.partial(median.smooth, neighbours=neighbours)
        for neighbours in (1, 2)
    },
}
Choice = tuple[str, str]  # names of a cut and a smoothing
CHOICES: list[Choice] = list(itertools.product(CUTS, SMOOTHINGS))


class Recording(NamedTuple):
    """Clips joined with pauses, and what is said where."""

    samples: Float32[np.ndarray, " time"]
    rate_hz: int
    starts_s: list[float]  # of each clip; its pause follows it
    truth: list[Stretch]  # the speech of each clip
    speakers: list[int]  # of each clip


class Counts(NamedTuple):
    """Agreement of segments with the truth, summed over recordings."""

    confusion: Int[np.ndarray, "S K K+1"]
    other: Int[
        np.ndarray, " 8"
    ]  # hits, true and found boundaries; the same of changes; frames without speech, answered

    def __add__(self, more: Any) -> "Counts":
        return Counts(self.confusion + more.confusion, self.other + more.other)


def unseen_speakers(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """Frame-level UAR and the F1 of boundaries, of timelines and of the naive reading, over folds by speaker.

    The recording of a fold is its test clips in shuffled order with pauses of faint noise; its model is trained on the
    other folds' speakers. In recordings of the kind "runs" the same clips, with the answers to their windows, follow
    each other in runs of up to five clips of one emotion. Cut and smoothing of a fold are those that do best in the
    other folds (see `_best`). The naive reading answers fixed windows one by one.

    Args:
        spec: of a run by speaker.
        plan: how many folds, from the config's on.

    Yields:
        Figures of each kind of recording and reading; then those of all choices, pooled over folds.
    """
    found: list[Mapping[tuple[str, Choice], Counts]] = []
    for fold in range(spec.config.fold, spec.config.fold + plan.folds):
        own = resolve(dataclasses.replace(spec.config, fold=fold), spec.paths)
        with atomic.scratch_folder() as folder:
            train.train(own, folder / "run", "new")
            predictor = EmotionPredictor(folder / "run/model")
        found.append(_of_fold(own, predictor))
        logging.getLogger("voxjax").info("fold %d is answered", fold)
    kinds = ["shuffled", "runs"]
    common = {"suite": "timeline", "model": spec.config.name, "protocol": spec.config.protocol, "folds": plan.folds}
    common |= {"seed": spec.config.seed, "tolerance_s": TOLERANCE_S}
    chosen = [_best(found[:i] + found[i + 1 :] or found, kinds) for i in range(len(found))]
    for kind in kinds:
        readings = {
            "timeline": sum((one[kind, choice] for one, choice in zip(found, chosen, strict=True)), start=_NOTHING),
        }
        if (kind, ("naive", "none")) in found[0]:
            readings["naive"] = sum((one[kind, ("naive", "none")] for one in found), start=_NOTHING)
        for reading, counts in readings.items():
            chose = {"chosen": [", ".join(one) for one in chosen]} if reading == "timeline" else {}
            yield {**common, "kind": kind, "reading": reading, **_figures(counts), **chose, **provenance()}
    for choice in CHOICES:
        pooled = {kind: sum((one[kind, choice] for one in found), start=_NOTHING) for kind in kinds}
        brief = {kind: _brief(counts) for kind, counts in pooled.items()}
        yield {"suite": "timeline choices", "cut": choice[0], "smoothing": choice[1], **brief}
    default = _best(found, kinds)
    yield {"suite": "timeline default", "cut": default[0], "smoothing": default[1]}


class _Nothing:
    """The start of a sum of counts."""

    def __add__(self, counts: Counts) -> Counts:
        return counts


_NOTHING: Any = _Nothing()


def _best(found: Sequence[Mapping[tuple[str, Choice], Counts]], kinds: Sequence[str]) -> Choice:
    """The choice with the greatest sum of UAR and F1 of changes over all kinds of recordings.

    Smoothing must not harm where emotions change with each clip: its UAR there is at least that of none.
    """

    def figures(choice: Choice) -> dict[str, dict[str, float]]:
        return {kind: _brief(sum((one[kind, choice] for one in found), start=_NOTHING)) for kind in kinds}

    each = {choice: figures(choice) for choice in CHOICES}
    harmless = [one for one in CHOICES if each[one]["shuffled"]["uar"] >= each[one[0], "none"]["shuffled"]["uar"]]
    return max(harmless, key=lambda one: sum(brief["uar"] + brief["change_f1"] for brief in each[one].values()))


def _of_fold(spec: RunSpec, predictor: EmotionPredictor) -> dict[tuple[str, Choice], Counts]:
    """Counts by kind of recording and choice, those of the naive reading under ("naive", "none")."""
    counts = {}
    shuffled, order, speakers = _recording(spec, predictor.labels)
    runs = _reordered(shuffled, order)
    with streaming.opened((shuffled.samples, predictor.sample_rate_hz), predictor.sample_rate_hz) as [track]:
        naive = _naive(predictor, track)
        for name, cut in CUTS.items():
            windows = timeline_windows.of_speech(track, predictor.sample_rate_hz, cut, DETECTORS["energy"])
            answers = list(timelines.answers(predictor, windows, name))
            moved = _moved(answers, shuffled, runs, order)
            for smoothing, smooth in SMOOTHINGS.items():
                for kind, recording, own in (("shuffled", shuffled, answers), ("runs", runs, moved)):
                    segments = timeline_segments.smoothed(predictor, own, "", smooth)
                    found = _stretches(predictor, segments)
                    counts[kind, (name, smoothing)] = _counts(recording, found, speakers, len(predictor.labels))
    counts["shuffled", ("naive", "none")] = _counts(shuffled, naive, speakers, len(predictor.labels))
    return counts


def _reordered(recording: Recording, order: Sequence[int]) -> Recording:
    """What is said where, without the sound, when the clips follow each other in another order."""
    total_s = len(recording.samples) / recording.rate_hz
    lengths = np.diff([*recording.starts_s, total_s])[list(order)]
    starts = np.cumsum([0.0, *lengths[:-1]]).tolist()
    truth = []
    for start_s, i in zip(starts, order, strict=True):
        shift_s, one = start_s - recording.starts_s[i], recording.truth[i]
        truth.append(one._replace(start_s=one.start_s + shift_s, end_s=one.end_s + shift_s))
    return recording._replace(starts_s=starts, truth=truth, speakers=[recording.speakers[i] for i in order])


def _moved(answers: Sequence[Answer], before: Recording, after: Recording, order: Sequence[int]) -> list[Answer]:
    """Answers at the places of their clips in another order."""
    place = {clip: k for k, clip in enumerate(order)}
    found = []
    for one in answers:
        clip = int(np.searchsorted(before.starts_s, (one.window.start_s + one.window.end_s) / 2) - 1)
        shift_s = after.starts_s[place[clip]] - before.starts_s[clip]
        window = one.window._replace(start_s=one.window.start_s + shift_s, end_s=one.window.end_s + shift_s)
        found.append(one._replace(window=window))
    return found


def _naive(predictor: EmotionPredictor, track: streaming.Track) -> list[Stretch]:
    """Fixed windows, each answered by itself; neighbours of one emotion are one stretch."""
    edges = [*np.arange(0.0, track.duration_s - 0.1, NAIVE_S).tolist(), track.duration_s]
    spans = [Span(a, b) for a, b in itertools.pairwise(edges)]
    windows = timeline_windows.of_spans(track, predictor.sample_rate_hz, NAIVE_S, spans)
    found: list[Stretch] = []
    for answer in timelines.answers(predictor, windows, "naive"):
        label = int(answer.vote.log_probabilities.argmax())
        if found and found[-1].label == label:
            found[-1] = found[-1]._replace(end_s=answer.window.to_s)
        else:
            found.append(Stretch(answer.window.from_s, answer.window.to_s, label))
    return found


def _stretches(predictor: EmotionPredictor, segments: Sequence[Segment]) -> list[Stretch]:
    place = {label: i for i, label in enumerate(predictor.labels)}
    return [Stretch(one.start_s, one.end_s, place[one.emotion]) for one in segments if one.emotion is not None]


def _recording(spec: RunSpec, labels: Sequence[str]) -> tuple[Recording, list[int], int]:
    """The test clips of a fold, shuffled; an order of them in runs; how many speakers the corpus has."""
    dataset = datasets.load(spec)
    random = np.random.default_rng([spec.config.seed, spec.config.fold])
    test = random.permutation(make_fold(spec, dataset, spec.config.fold, spec.config.seed).split.test).tolist()
    clips = dataset.manifest.clips
    speakers = sorted({clip.speaker for clip in clips})
    rate_hz = spec.sample_rate_hz
    parts: list[np.ndarray] = []
    starts, truth, at = [], [], 0
    for i in test:
        samples = dataset.clip_store.clip(i)
        first, last = spoken(samples, rate_hz)
        starts.append(at / rate_hz)
        truth.append(Stretch((at + first) / rate_hz, (at + last) / rate_hz, labels.index(clips[i].emotion)))
        pause = random.normal(scale=NOISE, size=round(random.uniform(*PAUSE_S) * rate_hz)).astype(np.float32)
        parts += [samples, pause]
        at += len(samples) + len(pause)
    whose = [speakers.index(clips[i].speaker) for i in test]
    recording = Recording(np.concatenate(parts), rate_hz, starts, truth, whose)
    return recording, _in_runs([one.label for one in truth], random), len(speakers)


def _in_runs(emotions: Sequence[int], random: np.random.Generator) -> list[int]:
    """An order of clips in runs of 1 to 5 clips of one emotion, the runs in random order."""
    runs: list[list[int]] = []
    for emotion in sorted(set(emotions)):
        own = [i for i, one in enumerate(emotions) if one == emotion]
        while own:
            length = int(random.integers(1, _LONGEST_RUN + 1))
            runs.append(own[:length])
            own = own[length:]
    return [i for k in random.permutation(len(runs)) for i in runs[k]]


def spoken(samples: Float32[np.ndarray, " time"], rate_hz: int) -> tuple[int, int]:
    """The first sample of a clean clip's speech and one past its last: frames within 35 dB of the loudest."""
    frame = round(FRAME_S * rate_hz)
    blocks = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = np.mean(np.square(blocks, dtype=np.float64), axis=1)
    loud = np.flatnonzero(power > power.max() * 10.0 ** (-_SPOKEN_DB / 10.0))
    return int(loud[0]) * frame, (int(loud[-1]) + 1) * frame


def _counts(recording: Recording, found: Sequence[Stretch], speakers: int, classes: int) -> Counts:
    """Agreement of what was found with the truth."""
    frames = int(recording.truth[-1].end_s / FRAME_S) + 1
    truth, predicted = (segmentation.frame_labels(one, frames, FRAME_S) for one in (recording.truth, found))
    whose = [one._replace(label=speaker) for one, speaker in zip(recording.truth, recording.speakers, strict=True)]
    speaker = segmentation.frame_labels(whose, frames, FRAME_S)
    confusions = [
        segmentation.confusion(np.where(speaker == i, truth, segmentation.NONE), predicted, classes)
        for i in range(speakers)
    ]
    (starts, ends), (found_starts, found_ends) = map(segmentation.boundaries, (recording.truth, found))
    hits = sum(segmentation.hits(*pair, TOLERANCE_S) for pair in ((starts, found_starts), (ends, found_ends)))
    true, own = segmentation.changes(recording.truth), segmentation.changes(found)
    other = [hits, 2 * len(starts), 2 * len(found_starts)]
    other += [segmentation.hits(true, own, TOLERANCE_S), len(true), len(own)]
    pause = truth == segmentation.NONE
    other += [int(pause.sum()), int((predicted[pause] != segmentation.NONE).sum())]
    return Counts(np.stack(confusions), np.array(other))


def _brief(counts: Counts) -> dict[str, float]:
    numbers = counts.other.tolist()
    return {
        "uar": float(segmentation.recall(counts.confusion.sum(axis=0))),
        "boundary_f1": segmentation.f1(*numbers[:3]),
        "change_f1": segmentation.f1(*numbers[3:6]),
        "pauses_answered": numbers[7] / max(1, numbers[6]),
    }


def _figures(counts: Counts) -> dict[str, Any]:
    present = counts.confusion[counts.confusion.sum(axis=(1, 2)) > 0]
    hours = (counts.confusion.sum() + counts.other[6]) * FRAME_S / 3600
    return {
        "speakers": len(present),
        "hours": float(hours),
        **_brief(counts),
        "uar_ci": segmentation.recall_interval(present),
    }
