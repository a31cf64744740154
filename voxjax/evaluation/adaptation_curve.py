"""The protocol `adapted`: another corpus, whose clips, without labels, give the statistics of the features.

The members stay as they were trained; only the scaler of the test clips changes (`audio.corpus_statistics`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from voxjax.audio import corpus_statistics, normalize, speaker_centring
from voxjax.audio.corpus_statistics import PooledSums
from voxjax.audio.speaker_centring import WindowSums
from voxjax.data import enrolment_draws, guard, splits
from voxjax.data.enrolment_draws import ALL, DRAWS, Draw
from voxjax.errors import UsageError, mismatch
from voxjax.evaluation import enrolment_curve
from voxjax.evaluation.fold_predictions import FoldPredictions
from voxjax.inference import enrolment
from voxjax.metrics import calibration, classification, soft_voting
from voxjax.pipeline import examples
from voxjax.pipeline.dataset import Dataset, FeatureRows
from voxjax.pipeline.run_spec import RunSpec
from voxjax.train import loop
from voxjax.train.run_state import RunSetup, RunState

COUNTS = (0, 10, 20)  # clips that give the statistics and are not tested; all of them, then, are tested, too
_AT_ONCE = 64  # rows


class Tested(NamedTuple):
    """The answers to the test clips of one draw."""

    draw: Draw
    probabilities: Float[np.ndarray, "tested K"]  # calibrated


class Outcome(NamedTuple):
    """What a program's folds answer once they are adapted."""

    predictions: list[FoldPredictions]  # adapted to all test clips
    tested: list[Tested]


class _ClipSums(NamedTuple):
    """Sums over the rows of a feature set that are of test clips."""

    rows: WindowSums
    clip_index: splits.Indices  # of each row


def is_adapted(protocol: str) -> bool:
    """Whether clips of the test corpus, without their labels, give the statistics of its features."""
    return protocol == "adapted"


def check_possible(spec: RunSpec) -> None:
    """Checks that a corpus's statistics can change the answers of a run's members.

    Raises:
        UsageError: at members that fuse other modalities, or features that no statistics change.
    """
    if not is_adapted(spec.config.protocol):
        return
    if spec.modalities:
        found = "some that fuse " + ", ".join(spec.modalities)
        raise UsageError(mismatch("protocol adapted", "members that take sound alone", found, "leave them out"))
    if not any(speaker_centring.has_effect(member.features) for member in spec.members):
        do = "set config.features.centre=corpus"
        raise UsageError(mismatch("protocol adapted", "features that a corpus's statistics can centre", "none", do))


def predict(
    spec: RunSpec, dataset: Dataset, setup: RunSetup, run: RunState, predictions: Sequence[FoldPredictions]
) -> Outcome:
    """The answers of a program's folds, adapted to all test clips and to some that are not tested.

    Args:
        spec, dataset: the run.
        setup, run: of the program.
        predictions: of its folds, not adapted; their vote weights and temperatures are kept.

    Raises:
        LeakError: at a clip that gives statistics and is not of the test subset.
    """
    sums = [_clip_sums(rows, predictions[0].fold.split.test) for rows in dataset.feature_rows]
    drawn = [_draws(dataset, one) for one in predictions]
    tested: list[Tested] = []
    final: list[FoldPredictions] = list(predictions)
    for draws in zip(*drawn, strict=True):  # the draw of each fold
        final = list(predictions)
        if draws[0].known:
            final = _adapted(spec, dataset, setup, run, predictions, [_pooled(dataset, sums, one) for one in draws])
        for draw, one in zip(draws, final, strict=True):
            place = np.searchsorted(one.fold.split.test, draw.tested)
            tested.append(Tested(draw, calibration.calibrated_probabilities(one.logits[place], one.temperature)))
    return Outcome(final, tested)  # the last draw is of all test clips


def fields(dataset: Dataset, predictions: Sequence[FoldPredictions], tested: Sequence[Tested]) -> dict[str, Any]:
    """`adaptation` of `metrics.json`.

    Args:
        dataset: of the run.
        predictions: of all folds, not adapted.
        tested: of all folds.
    """
    test = predictions[0].fold.split.test
    labels = dataset.manifest.labels
    hashes = frozenset(dataset.manifest.clips[i].content_hash for i in test)
    emotions = [labels[i] for i in predictions[0].logits.argmax(-1)]
    return {
        "adapt": "corpus",
        "clips": len(hashes),
        "known_beforehand": False,
        "labelled": False,
        "note": (
            f"The mean and the deviation of each feature are moved to those of all {len(test)} test clips themselves, "
            "without their labels (transductive): the figures are of recordings that are answered together. In the "
            f"table of known clips those of {COUNTS[1]} or {COUNTS[2]} clips are not tested, in {DRAWS} draws each."
        ),
        "warnings": list(enrolment.of_corpus(hashes, emotions).warnings),
        "rows": _table(dataset, tested),
    }


def _table(dataset: Dataset, tested: Sequence[Tested]) -> list[dict[str, Any]]:
    """One row per number of clips that give the statistics, all draws and seeds pooled.

    Returns:
        `known`, the number of clips, or "all"; `uar` and `accuracy` with `uar_ci` and `accuracy_ci` over speakers,
        or clips where there is one speaker; `ece`; `n`, the answers.
    """
    rows = []
    for count in (*COUNTS, ALL):
        own = [one for one in tested if one.draw.known == count]
        if not own:
            continue
        clips = np.concatenate([one.draw.tested for one in own])
        truth, probabilities = dataset.manifest.targets[clips], np.concatenate([one.probabilities for one in own])
        voices = [dataset.manifest.clips[i].voice for i in clips]
        units = voices if len(set(voices)) > 1 else [str(i) for i in clips]
        classes = len(dataset.manifest.labels)
        parts = classification.confusion_by_group(truth, probabilities.argmax(-1), units, classes)
        figures = enrolment_curve.pooled_figures(np.stack(list(parts.values())))
        ece = classification.ece(probabilities, truth)
        rows.append({"known": "all" if count == ALL else count, **figures, "ece": ece, "n": len(clips)})
    return rows


def _draws(dataset: Dataset, prediction: FoldPredictions) -> list[Draw]:
    """All draws of a fold; the last one is of all test clips, which are tested, too."""
    split = prediction.fold.split
    drawn = enrolment_draws.draws(dataset.manifest, split.test, (prediction.fold.seed,), COUNTS)
    drawn.append(Draw(ALL, split.test, split.test))
    for draw in drawn:
        guard.check_adapted(dataset.manifest, split, draw.enrolled, draw.tested)
    return drawn


def _clip_sums(feature_rows: FeatureRows, test: splits.Indices) -> _ClipSums:
    rows = feature_rows.rows
    own = np.flatnonzero(np.isin(rows.clip_index, test))
    over_time = examples.over_time(feature_rows.features)
    parts = [
        speaker_centring.window_sums(rows.features[part, 0], rows.lengths[part, 0], over_time)
        for part in np.split(own, range(_AT_ONCE, len(own), _AT_ONCE))
    ]
    return _ClipSums(WindowSums(*map(np.concatenate, zip(*parts, strict=True))), rows.clip_index[own])


def _pooled(dataset: Dataset, sums: Sequence[_ClipSums], draw: Draw) -> list[PooledSums]:
    """The sums over a draw's clips in each feature set; the same sound counts once."""
    hashes = [dataset.manifest.clips[i].content_hash for i in draw.enrolled]
    clips = draw.enrolled[np.unique(hashes, return_index=True)[1]]
    found = []
    for one in sums:
        chosen = np.isin(one.clip_index, clips)
        found.append(corpus_statistics.pooled(WindowSums(*(part[chosen] for part in one.rows)), len(clips)))
    return found


def _adapted(
    spec: RunSpec,
    dataset: Dataset,
    setup: RunSetup,
    run: RunState,
    predictions: Sequence[FoldPredictions],
    sums: Sequence[Sequence[PooledSums]],
) -> list[FoldPredictions]:
    """The predictions of each fold on its test clips, under scalers of the sums that are given for it."""
    plans, tests = [], []
    for f, prediction in enumerate(predictions):
        for m, member in enumerate(spec.members):
            plan, data = setup.plans[f * len(spec.members) + m], prediction.fold.data[member.feature_set]
            scaler = _scaler(dataset.feature_rows[member.feature_set], data.scaler, sums[f][member.feature_set])
            plans.append(plan._replace(arrays=plan.arrays._replace(scaler=scaler)))
            tests.append(data.test)
    logits = loop.best_logits(setup._replace(plans=tuple(plans)), run, tests)
    found = []
    for f, prediction in enumerate(predictions):
        own = np.array(logits[f * len(spec.members) : (f + 1) * len(spec.members)], np.float64)
        members = special.log_softmax(own, axis=-1)
        found.append(prediction._replace(members=members, logits=soft_voting.soft_vote(members, prediction.weights)))
    return found


def _scaler(rows: FeatureRows, before: normalize.Scaler, sums: PooledSums) -> normalize.Scaler:
    return corpus_statistics.for_corpus(before, sums) if speaker_centring.has_effect(rows.features) else before
