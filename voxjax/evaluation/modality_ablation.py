"""What each modality is worth: the same trained members judged on test clips of which they are shown only a part."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from voxjax.config import Config
from voxjax.evaluation.fold_predictions import Verdict
from voxjax.metrics import classification
from voxjax.modalities.names import AUDIO
from voxjax.models import fused_modalities
from voxjax.pipeline import modality_inputs, run_spec
from voxjax.pipeline.dataset import Assembled
from voxjax.train import loop, run_state, step

Subset = tuple[str, ...]
_UNSEEN = -1  # stands for the answer about a clip that has none of what is shown


def every(names: Sequence[str]) -> list[Subset]:
    """All 2^M - 1 subsets of M modalities, small ones first."""
    return [subset for size in range(1, len(names) + 1) for subset in itertools.combinations(names, size)]


def answers(
    config: Config,
    assembled: Assembled,
    setup: run_state.Setup,
    progress: run_state.Progress,
    found: Sequence[Verdict],
) -> list[dict[Subset, np.ndarray]]:
    """For each fold of a program the classes of its test clips, int `[n]`, by what was shown; -1 where that is nothing.

    Args:
        config, assembled: the run.
        setup, progress: of the program.
        found: the verdicts on its folds, whose weights the vote keeps.
    """
    fused = [set(fused_modalities(spec.options)) for spec in run_spec.specs(config)]
    views = [spec.view for spec in run_spec.specs(config)]
    sides = [verdict.fold.shares[view].test for verdict in found for view in views]
    rows: list[dict[Subset, np.ndarray]] = [{} for _ in found]
    for subset in every(modality_inputs.shown(config)):
        hidden = setup._replace(clips=tuple(_only(clips, subset) for clips in setup.clips))
        logits = loop.best_logits(hidden, progress, sides)
        for i, verdict in enumerate(found):
            own = np.stack(logits[i * len(fused) : (i + 1) * len(fused)])
            perceived = _perceived(assembled, fused, subset, verdict.fold.split.test)
            rows[i][subset] = _voted(own, verdict.weights, perceived)
    return rows


def table(
    assembled: Assembled, found: Sequence[Verdict], answered: Sequence[Mapping[Subset, np.ndarray]]
) -> list[dict[str, Any]]:
    """A row a subset, folds and seeds pooled: `modalities`, `uar`, `accuracy`, and `n`, the clips that have any."""
    truth = np.concatenate([assembled.manifest.targets[verdict.fold.split.test] for verdict in found])
    return [_row(subset, truth, np.concatenate([one[subset] for one in answered]), assembled) for subset in answered[0]]


def _row(subset: Subset, truth: np.ndarray, predicted: np.ndarray, assembled: Assembled) -> dict[str, Any]:
    known = predicted != _UNSEEN
    row: dict[str, Any] = {"modalities": list(subset), "uar": None, "accuracy": None, "n": int(known.sum())}
    if row["n"]:
        row |= classification.scores(
            classification.confusion(truth[known], predicted[known], len(assembled.manifest.labels))
        )
    return row


def _only(clips: step.Clips, subset: Subset) -> step.Clips:
    """The same clips as if they had nothing but these modalities."""
    beside = {
        name: one if name in subset else one._replace(lengths=0 * one.lengths) for name, one in clips.others.items()
    }
    return clips._replace(lengths=clips.lengths if AUDIO in subset else 0 * clips.lengths, others=beside)


def _perceived(assembled: Assembled, fused: Sequence[set[str]], subset: Subset, test: np.ndarray) -> np.ndarray:
    """Which member perceives anything of which clip: bool `[M, n]`."""
    there = {name: one.lengths[test] > 0 for name, one in assembled.others.items()}
    there[AUDIO] = np.ones(len(test), bool)
    none = np.zeros(len(test), bool)
    return np.stack([np.any([none, *(there[n] for n in subset if n in {AUDIO, *own})], axis=0) for own in fused])


def _voted(logits: np.ndarray, weights: np.ndarray, perceived: np.ndarray) -> np.ndarray:
    """The class that those who perceive something agree on: `[M, n, K], [M], [M, n]` to int `[n]`."""
    known = np.where(perceived[..., None], logits, 0.0)  # a member that perceives nothing may have no number
    shares = np.where(perceived, weights[:, None], 0.0)
    vote = np.einsum("mn,mnk->nk", shares, special.softmax(known, axis=-1))
    return np.where(perceived.any(axis=0), vote.argmax(-1), _UNSEEN)
