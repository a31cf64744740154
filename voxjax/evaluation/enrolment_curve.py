"""The protocol `enrolled`: figures for test speakers of whom n clips, without labels, are known beforehand.

The members stay as they were trained; only the scaler of a person changes (`audio.speaker_centring`). Clips that enrol
are not tested.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import special

from voxjax import models
from voxjax.audio import normalize, speaker_centring
from voxjax.data import enrolment_draws, guard, splits
from voxjax.data.enrolment_draws import ALL, COUNTS, DRAWS, Draw
from voxjax.encoders.tensors import Params
from voxjax.errors import UsageError, mismatch
from voxjax.evaluation.fold_predictions import FoldPredictions
from voxjax.metrics import classification, soft_voting
from voxjax.models import lda
from voxjax.models.forward import ForwardInputs, forward
from voxjax.pipeline import examples
from voxjax.pipeline.dataset import Dataset, FeatureRows
from voxjax.pipeline.folds import FoldData
from voxjax.pipeline.run_spec import RunSpec
from voxjax.train import step
from voxjax.train.run_state import RunSetup, RunState

_AT_ONCE = 64  # clips with a scaler each


class Tested(NamedTuple):
    """The answers to the test clips of one draw."""

    draw: Draw
    person: str
    predicted: Int[np.ndarray, " tested"]
    labelled: Int[np.ndarray, " tested"] | None  # with the labels of the enrolled clips; None without discriminants


class _Rows(NamedTuple):
    """The feature rows of one person's clips, in the order of the clips."""

    features: Float[np.ndarray, "rows T C"]
    lengths: Int[np.ndarray, " rows"]
    clip: Int[np.ndarray, " rows"]  # place of each row's clip among the person's
    means: Float[np.ndarray, "clips P C"]  # of each clip


def check_possible(spec: RunSpec) -> None:
    """Checks that known clips can change the answers of a run's members.

    Raises:
        UsageError: at members that fuse other modalities, or features that no person's mean changes.
    """
    if not enrolment_draws.is_enrolled(spec.config.protocol):
        return
    if spec.modalities:
        found = "some that fuse " + ", ".join(spec.modalities)
        raise UsageError(mismatch("protocol enrolled", "members that take sound alone", found, "leave them out"))
    if not any(speaker_centring.has_effect(member.features) for member in spec.members):
        do = "set config.features.centre=speaker, or corpus"
        raise UsageError(mismatch("protocol enrolled", "features that a person's mean can centre", "none", do))


def predict(
    spec: RunSpec, dataset: Dataset, setup: RunSetup, run: RunState, predictions: Sequence[FoldPredictions]
) -> list[Tested]:
    """The answers of a program's folds to all draws of all test speakers.

    Args:
        spec, dataset: the run.
        setup, run: of the program.
        predictions: of its folds, the vote weights of which are kept.

    Raises:
        LeakError: at a clip that enrols and is tested, or that is not of the tested person.
    """
    tasks = {i: group.task for group in setup.program.groups for i in group.member_ids}
    voices = sorted({clip.voice for clip in dataset.manifest.clips})
    found = []
    for f, prediction in enumerate(predictions):
        split, seed = prediction.fold.split, prediction.fold.seed
        first = f * len(spec.members)
        for person, clips in enrolment_draws.people(dataset.manifest, split).items():
            drawn = enrolment_draws.draws(dataset.manifest, clips, (seed, voices.index(person)))
            for draw in drawn:
                guard.check_enrolled(dataset.manifest, split, draw.enrolled, draw.tested)
            logits = [
                _member_logits(
                    tasks[first + m],
                    run.members[first + m].best,
                    setup.clips[member.feature_set].pretrained,
                    prediction.fold.data[member.feature_set],
                    _person_rows(dataset.feature_rows[member.feature_set], clips),
                    [(np.searchsorted(clips, draw.enrolled), np.searchsorted(clips, draw.tested)) for draw in drawn],
                )
                for m, member in enumerate(spec.members)
            ]
            ends = np.cumsum([len(draw.tested) for draw in drawn])[:-1]
            parts = np.split(_voted(logits, prediction), ends)
            with_labels: Sequence[np.ndarray | None] = [None] * len(drawn)
            if all(member.architecture == "lda" for member in spec.members):
                best = [run.members[first + m].best for m in range(len(spec.members))]
                moved = [
                    _with_labels(one.params, own, clips, drawn, dataset.manifest.targets)
                    for one, own in zip(best, logits, strict=True)
                ]
                with_labels = np.split(_voted(moved, prediction), ends)
            found += [Tested(*row) for row in zip(drawn, [person] * len(drawn), parts, with_labels, strict=True)]
    return found


def _voted(logits: Sequence[Float[np.ndarray, "n K"]], prediction: FoldPredictions) -> Int[np.ndarray, " n"]:
    """The classes that the members vote for."""
    own = special.log_softmax(np.array(logits, np.float64), axis=-1)
    return soft_voting.soft_vote(own, prediction.weights).argmax(-1)


def _with_labels(
    params: Params,
    logits: Float[np.ndarray, "tested K"],
    clips: splits.Indices,
    drawn: Sequence[Draw],
    targets: Int[np.ndarray, " manifest"],
) -> Float[np.ndarray, "tested K"]:
    """Logits of a discriminant whose class means are moved by the labelled clips of each draw.

    A person's scaler adds the same numbers to the logits of all clips, so those of the enrolled clips follow from the
    first draw, which has no known clips and tests all of them.

    Args:
        params: of the discriminant.
        logits: of the tested clips of all draws, one after the other, without labels.
        clips: of the person.
        drawn: the draws.
        targets: the class of each clip of the manifest.
    """
    bias, gram = (np.asarray(params[name], np.float64) for name in ("bias", "gram"))
    strangers, start, parts = logits[: len(clips)], 0, []
    for draw in drawn:
        own = logits[start : start + len(draw.tested)]
        start += len(draw.tested)
        if len(draw.enrolled):
            shift = (own - strangers[np.searchsorted(clips, draw.tested)]).mean(axis=0)
            enrolled = strangers[np.searchsorted(clips, draw.enrolled)] + shift
            update = lda.class_mean_update(bias, gram, enrolled, targets[draw.enrolled])
            own = (own - bias) @ update.matrix + update.bias
        parts.append(own)
    return np.concatenate(parts)


def table(dataset: Dataset, tested: Sequence[Tested]) -> list[dict[str, Any]]:
    """One row per number of known clips, all draws, folds and seeds pooled, the intervals over speakers.

    Returns:
        `known`, the number of clips that enrol, or "all"; `uar` and `accuracy` with `uar_ci` and `accuracy_ci`; `n`,
        the answers; `speakers`; `per_speaker`, the accuracy of each; for discriminants `labelled`: `uar`, `accuracy`
        and their intervals where the labels of the enrolled clips are known, too.
    """
    rows = []
    for count in COUNTS:
        own = [one for one in tested if one.draw.known == count]
        if not own:
            continue
        truth = dataset.manifest.targets[np.concatenate([one.draw.tested for one in own])]
        groups = [one.person for one in own for _ in one.predicted]
        by_person = _by_person(dataset, truth, np.concatenate([one.predicted for one in own]), groups)
        row: dict[str, Any] = {
            "known": "all" if count == ALL else count,
            **pooled_figures(np.stack(list(by_person.values()))),
            "n": len(truth),
            "speakers": len(by_person),
            "per_speaker": {name: float(classification.accuracy(one)) for name, one in by_person.items()},
        }
        labelled = [one.labelled for one in own if one.labelled is not None]
        if labelled:
            units = _by_person(dataset, truth, np.concatenate(labelled), groups)
            row["labelled"] = pooled_figures(np.stack(list(units.values())))
        rows.append(row)
    return rows


def _by_person(
    dataset: Dataset, truth: np.ndarray, predicted: np.ndarray, people: Sequence[str]
) -> dict[str, Int[np.ndarray, "K K"]]:
    return classification.confusion_by_group(truth, predicted, people, len(dataset.manifest.labels))


def pooled_figures(units: Int[np.ndarray, "speakers K K"]) -> dict[str, Any]:
    """UAR and accuracy of pooled units, with their intervals over the units."""
    return {
        **classification.scores(units.sum(axis=0)),
        "uar_ci": classification.interval(units, classification.uar),
        "accuracy_ci": classification.interval(units, classification.accuracy),
    }


def notes(protocol: str) -> list[str]:
    """What a report under the protocol must say."""
    if not enrolment_draws.is_enrolled(protocol):
        return []
    return [
        "Clips of the test speakers, without their labels, were used to centre these speakers' features; a clip that "
        f"was used so is not tested ({DRAWS} draws for each number of clips; with all, each clip is tested once). The "
        "figures of the page itself are those without known clips."
    ]


def _person_rows(feature_rows: FeatureRows, clips: splits.Indices) -> _Rows:
    rows = feature_rows.rows
    own = np.flatnonzero(np.isin(rows.clip_index, clips))
    place = np.searchsorted(clips, rows.clip_index[own])
    features, lengths = rows.features[own, 0], rows.lengths[own, 0]
    sums = speaker_centring.window_sums(features, lengths, examples.over_time(feature_rows.features))
    return _Rows(features, lengths, place, sums.clip_means(place))


def _member_logits(
    task: step.Task,
    variables: models.Variables,
    pretrained: Params,
    data: FoldData,
    rows: _Rows,
    jobs: Sequence[tuple[splits.Indices, splits.Indices]],
) -> Float[np.ndarray, "tested K"]:
    """Logits of the tested clips of all jobs, one after the other, each under the scaler of its enrolled clips."""
    which: list[int] = []  # rows of `rows`
    scaler_of: list[int] = []
    clip_of: list[int] = []
    scalers: list[Float[np.ndarray, "P C"]] = []
    tested = 0
    for enrolled, clips in jobs:
        for clip in clips:
            own = np.flatnonzero(rows.clip == clip)
            which += own.tolist()
            scaler_of += [len(scalers)] * len(own)
            clip_of += [tested] * len(own)
            tested += 1
        known = enrolled if speaker_centring.has_effect(task.features) else enrolled[:0]
        scalers.append(np.asarray(speaker_centring.for_person(data.scaler, rows.means[known]).mean))
    means = np.stack(scalers)
    total = np.zeros((tested, task.classes))
    for start in range(0, len(which), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        chosen, own = np.resize(which[part], _AT_ONCE), np.resize(scaler_of[part], _AT_ONCE)  # one shape
        inputs = ForwardInputs(rows.features[chosen], rows.lengths[chosen], {})
        found = np.asarray(_logits(task, variables, pretrained, data.scaler.std, means[own], inputs))
        np.add.at(total, clip_of[part], found[: len(which[part])])
    return total / np.bincount(clip_of, minlength=tested)[:, None]


@functools.partial(jax.jit, static_argnums=0)
def _logits(
    task: step.Task,
    variables: models.Variables,
    pretrained: Params,
    std: Float[Array, "P C"],
    means: Float[Array, "B P C"],
    inputs: ForwardInputs,
) -> Float[Array, "B K"]:
    """Logits of clips, each under a mean of its own."""

    def one(mean: Float[Array, "P C"], features: Float[Array, "T C"], length: Int[Array, ""]) -> Float[Array, " K"]:
        scaler = normalize.Scaler(mean, std)
        single: Mapping[str, Any] = {}
        batch = ForwardInputs(features[None], length[None], single)
        return forward(task.network, task.features, (), variables, scaler, {}, pretrained, batch)[0]

    return jax.vmap(one)(means, jnp.asarray(inputs.features), jnp.asarray(inputs.lengths))
