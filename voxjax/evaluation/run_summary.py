"""The input of a run's report: all folds and seeds pooled, one row for each test clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from voxjax import models
from voxjax.config import Config
from voxjax.config_schema import thaw
from voxjax.data import corpora
from voxjax.data.manifest import own_columns
from voxjax.evaluation import enrolment_curve, known_speakers, learning_curve_diagnostics
from voxjax.evaluation.fold_predictions import FoldPredictions
from voxjax.evaluation.known_speakers import KnownSpeakers
from voxjax.evaluation.results import ReportInput
from voxjax.metrics import classification, soft_voting
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.run_spec import RunSpec
from voxjax.train.history import curves, mean_history
from voxjax.train.run_state import MemberState, RunState


def report_input(
    spec: RunSpec,
    dataset: Dataset,
    predictions: Sequence[FoldPredictions],
    runs: Sequence[RunState],
    more: dict[str, Any],
) -> ReportInput:
    """The report's input, with one row for each test clip of each fold and seed.

    Args:
        spec, dataset: the run.
        predictions: of each fold and seed.
        runs: the final state of each program, in the order of the predictions.
        more: further fields of `metrics.json`.
    """
    config = spec.config
    tests = [prediction.fold.split.test for prediction in predictions]
    clips = [dataset.manifest.clips[i] for test in tests for i in test]
    truth = np.concatenate([dataset.manifest.targets[test] for test in tests])
    members = [member for run in runs for member in run.members]
    lengths = [len(test) for test in tests]
    meta: Any = {
        "protocol": config.protocol,
        "corpus": spec.corpora,
        "model": config.name,
        "folds": len({prediction.fold.split.fold for prediction in predictions}),
        "seeds": sorted({prediction.fold.seed for prediction in predictions}),
        "chosen_by": _chosen_by(spec, members, max(run.epoch for run in runs)),
        "train_seconds": sum(_seconds(run) for run in runs),
        "parameters": sum(models.parameter_count(member.best) for member in members[: len(spec.members)]),
        "members": _member_rows(spec, predictions, members, truth),
        "config": _effective_values(spec),
        "selection": list(dataset.manifest.notes),
        **_known_speakers(spec, dataset, predictions).fields(),
        **more,
    }
    if config.test_corpus:
        meta |= {"trained_on": config.corpus, "test_corpus": config.test_corpus}
    if diagnostics := learning_curve_diagnostics.of(_curve(spec, dataset, predictions, runs)):
        meta["diagnostics"] = diagnostics
    if warnings := [member.warning for member in members if member.warning]:
        meta["collapse"] = warnings
    if len(spec.members) > 1:
        own = np.concatenate([prediction.members for prediction in predictions], axis=1)
        voted = np.concatenate([prediction.logits for prediction in predictions])
        meta |= ensemble_fields(config.vote, truth, own, voted, meta["members"])
    return ReportInput(
        labels=dataset.manifest.labels,
        clips=[clip.clip_id for clip in clips],
        speakers=[clip.speaker for clip in clips],
        genders=[clip.gender for clip in clips],
        own_columns=own_columns(clips),
        audio_hashes=[clip.content_hash for clip in clips],
        folds=np.repeat([prediction.fold.split.fold for prediction in predictions], lengths),
        truth=truth,
        logits=np.concatenate([prediction.logits for prediction in predictions]),
        temperature=np.repeat([prediction.temperature for prediction in predictions], lengths),
        thresholds=np.repeat([prediction.thresholds for prediction in predictions], lengths, axis=0),
        history=[] if spec.is_closed_form else curves(runs),
        notes=[
            *_leaks(config, dataset, predictions),
            *enrolment_curve.notes(config.protocol),
            *corpora.notes(spec.corpora),
        ],
        meta=meta,
    )


# Values of a config without effect on a run whose members are all fitted in closed form.
_OF_STEPS = ("class_balance", "loss", "member_execution", "hyper", "guard", "devices")


def _effective_values(spec: RunSpec) -> dict[str, Any]:
    """The values of a run's config, without those that had no effect: of training steps where there were none."""
    values: dict[str, Any] = thaw(spec.config)
    if not spec.is_closed_form:
        return values
    train = {"valid_fraction": values["train"]["valid_fraction"]}
    return {key: value for key, value in values.items() if key not in _OF_STEPS} | {"train": train}


def _known_speakers(spec: RunSpec, dataset: Dataset, predictions: Sequence[FoldPredictions]) -> KnownSpeakers:
    """Test speakers that are trained on in another corpus; protocols by speaker have none, `random5` has all."""
    if not spec.config.test_corpus:
        return KnownSpeakers(0, 0)
    split, clips = predictions[0].fold.split, dataset.manifest.clips
    people = {clips[i].person for i in (*split.train, *split.valid)} - {""}
    return known_speakers.count(people, [clips[i] for i in split.test])


def ensemble_fields(
    weights: str, truth: np.ndarray, members: np.ndarray, voted: np.ndarray, rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Fields of `metrics.json`: how the vote compares with its members, and how they differ.

    Args:
        weights: a name in `soft_voting.WEIGHTINGS`.
        truth: integer `[n]`.
        members: logits or probabilities `[M, n, K]`.
        voted: of the vote, `[n, K]`.
        rows: one per member, each with its `uar`.
    """
    best = max(row["uar"] for row in rows)
    vote = {"weights": weights, **scores(truth, voted), "best_member_uar": best}
    return {"vote": vote, "diversity": soft_voting.diversity(members.argmax(-1), truth)}


def scores(truth: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """`uar` and `accuracy` of the predicted classes: integer `[n]`, logits or probabilities `[n, K]`."""
    return classification.scores(classification.confusion(truth, logits.argmax(-1), logits.shape[-1]))


def _curve(
    spec: RunSpec, dataset: Dataset, predictions: Sequence[FoldPredictions], runs: Sequence[RunState]
) -> learning_curve_diagnostics.Curve:
    clips = min(len(prediction.fold.split.valid) for prediction in predictions)
    # Few validation clips are harmless if they choose nothing.
    chosen_by = {"best": clips, "last": max(clips, learning_curve_diagnostics.ENOUGH_CLIPS)}[spec.config.train.keep]
    rate = float(spec.config.hyper.learning_rate)
    classes = len(dataset.manifest.labels)
    validated = len(np.unique(np.concatenate([prediction.fold.split.valid for prediction in predictions])))
    rows, epochs = mean_history(runs), spec.config.train.epochs
    return learning_curve_diagnostics.Curve(rows, epochs, chosen_by, validated, classes, rate)


def _member_rows(
    spec: RunSpec, predictions: Sequence[FoldPredictions], members: Sequence[MemberState], truth: np.ndarray
) -> list[dict[str, Any]]:
    """One row per member, its figures pooled over folds and seeds."""
    rows = []
    for m, member in enumerate(spec.members):
        own = members[m :: len(spec.members)]
        warnings = [one.warning for one in own if one.warning]
        features = member.features
        rows.append(
            {
                "architecture": member.architecture,
                "name": member.name,
                "features": "+".join(one.encoder for one in features.by_encoder) or features.kind,
                **scores(truth, np.concatenate([prediction.members[m] for prediction in predictions])),
                "valid_uar": float(np.mean([one.best_uar for one in own])),
                "best_epoch": round(float(np.mean([one.best_epoch for one in own]))),
                "epochs": max(len(one.history) for one in own),
                "weight": float(np.mean([prediction.weights[m] for prediction in predictions])),
                "parameters": models.parameter_count(own[0].best),
                "status": f"collapsed: {warnings[0]}" if warnings else "trained",
            }
        )
    return rows


def _chosen_by(spec: RunSpec, members: Sequence[MemberState], epochs: int) -> str:
    """The criterion by which the evaluated weights were chosen."""
    if spec.is_closed_form:
        return "nothing: fitted in closed form"
    return _CHOSEN_BY[spec.config.train.keep](members, epochs)


def _best_epoch(members: Sequence[MemberState], epochs: int) -> str:
    best = sorted({member.best_epoch for member in members})
    which = f"epoch {best[0]}" if len(best) == 1 else f"epochs {best[0]} to {best[-1]}"
    return f"validation UAR ({which} of {epochs})"


def _last_epoch(members: Sequence[MemberState], epochs: int) -> str:
    del members
    return f"nothing: the last of {epochs} epochs, fixed beforehand"


_CHOSEN_BY = {"best": _best_epoch, "last": _last_epoch}  # by `train.keep`


def _seconds(run: RunState) -> float:
    """Wall time of the epochs of a program, which all its members share."""
    return sum({row["epoch"]: row["seconds"] for member in run.members for row in member.history}.values())


def _leaks(config: Config, dataset: Dataset, predictions: Sequence[FoldPredictions]) -> list[str]:
    """How many test clips are copies of recordings in training: none, except under the guide's own split."""
    if config.protocol != "guide":
        return []
    copies = dataset.copies_per_recording
    splits = [prediction.fold.split for prediction in predictions]
    known = sum(int(np.isin(split.test // copies, split.train // copies).sum()) for split in splits)
    total = sum(len(split.test) for split in splits)
    return [f"{known} of {total} test rows are copies of recordings that were trained on."]
