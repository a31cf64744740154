"""Modality ablation: the trained members, evaluated with every subset of their modalities."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voxjax.evaluation.fold_predictions import FoldPredictions
from voxjax.metrics import classification, soft_voting
from voxjax.modalities.names import AUDIO
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.run_spec import RunSpec
from voxjax.train import loop, step
from voxjax.train.run_state import RunSetup, RunState

Subset = tuple[str, ...]
_NO_ANSWER = -1  # for a clip that has none of the subset's modalities


def subsets(names: Sequence[str]) -> list[Subset]:
    """All 2^M - 1 subsets of M modalities, small ones first."""
    return [subset for size in range(1, len(names) + 1) for subset in itertools.combinations(names, size)]


def predict_subsets(
    spec: RunSpec, dataset: Dataset, setup: RunSetup, run: RunState, predictions: Sequence[FoldPredictions]
) -> list[dict[Subset, np.ndarray]]:
    """For each fold of a program, the predicted classes of its test clips by subset: int `[n]`, -1 without an answer.

    Args:
        spec, dataset: the run.
        setup, run: of the program.
        predictions: of its folds, the vote weights of which are kept.
    """
    fused = [set(member.modalities) for member in spec.members]
    sets = [member.feature_set for member in spec.members]
    splits = [prediction.fold.data[i].test for prediction in predictions for i in sets]
    rows: list[dict[Subset, np.ndarray]] = [{} for _ in predictions]
    for subset in subsets((AUDIO, *spec.modalities)):
        ablated = setup._replace(clips=tuple(_only(clips, subset) for clips in setup.clips))
        logits = loop.best_logits(ablated, run, splits)
        for i, prediction in enumerate(predictions):
            own = np.stack(logits[i * len(fused) : (i + 1) * len(fused)])
            available = _available(dataset, fused, subset, prediction.fold.split.test)
            voted = soft_voting.soft_vote(own, prediction.weights, available)
            rows[i][subset] = np.where(available.any(axis=0), voted.argmax(-1), _NO_ANSWER)
    return rows


def table(
    dataset: Dataset, predictions: Sequence[FoldPredictions], predicted: Sequence[Mapping[Subset, np.ndarray]]
) -> list[dict[str, Any]]:
    """One row per subset, folds and seeds pooled: `modalities`, `uar`, `accuracy`, and `n` clips with an answer."""
    truth = np.concatenate([dataset.manifest.targets[prediction.fold.split.test] for prediction in predictions])
    return [_row(subset, truth, np.concatenate([one[subset] for one in predicted]), dataset) for subset in predicted[0]]


def _row(subset: Subset, truth: np.ndarray, predicted: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    known = predicted != _NO_ANSWER
    row: dict[str, Any] = {"modalities": list(subset), "uar": None, "accuracy": None, "n": int(known.sum())}
    if row["n"]:
        counts = classification.confusion(truth[known], predicted[known], len(dataset.manifest.labels))
        row |= classification.scores(counts)
    return row


def _only(clips: step.Clips, subset: Subset) -> step.Clips:
    """The clips with only these modalities."""
    inputs = {
        name: one if name in subset else one._replace(lengths=0 * one.lengths)
        for name, one in clips.modality_inputs.items()
    }
    return clips._replace(lengths=clips.lengths if AUDIO in subset else 0 * clips.lengths, modality_inputs=inputs)


def _available(dataset: Dataset, fused: Sequence[set[str]], subset: Subset, test: np.ndarray) -> np.ndarray:
    """Which member has any modality of which clip: bool `[M, n]`."""
    present = {name: one.lengths[test] > 0 for name, one in dataset.modality_inputs.items()}
    present[AUDIO] = np.ones(len(test), bool)
    none = np.zeros(len(test), bool)
    return np.stack([np.any([none, *(present[n] for n in subset if n in {AUDIO, *own})], axis=0) for own in fused])
