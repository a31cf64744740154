"""What the report of a run is made from: all folds and seeds pooled, one row for each test clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from voxjax import models
from voxjax.config import Config, EncoderFeatures
from voxjax.config_schema import thaw
from voxjax.data import corpora
from voxjax.evaluation import learning_curve_diagnostics, results
from voxjax.evaluation.fold_predictions import Verdict
from voxjax.metrics import classification, soft_voting
from voxjax.pipeline.dataset import Assembled
from voxjax.pipeline.run_spec import Spec
from voxjax.train import run_state
from voxjax.train.history import curves, history


def report_input(
    config: Config,
    assembled: Assembled,
    specs: Sequence[Spec],
    found: Sequence[Verdict],
    progress: Sequence[run_state.Progress],
    more: dict[str, Any],
) -> results.ReportInput:
    """All folds and seeds pooled, one row a test clip of each.

    Args:
        config, assembled: the run.
        specs: the ensemble's members.
        found: a verdict for each fold and seed.
        progress: of each program that was run, in the order of the verdicts.
        more: further fields of `metrics.json`.
    """
    tests = [verdict.fold.split.test for verdict in found]
    clips = [assembled.manifest.clips[i] for test in tests for i in test]
    truth = np.concatenate([assembled.manifest.targets[test] for test in tests])
    standings = [member for part in progress for member in part.members]
    lengths = [len(test) for test in tests]
    meta: Any = {
        "protocol": config.protocol,
        "corpus": _named(config),
        "model": config.name,
        "folds": len({verdict.fold.split.fold for verdict in found}),
        "seeds": sorted({verdict.fold.seed for verdict in found}),
        "chosen_by": CHOSEN_BY[config.train.keep](standings, max(part.epoch for part in progress)),
        "train_seconds": sum(_seconds(part) for part in progress),
        "parameters": sum(_parameters(member) for member in standings[: len(specs)]),
        "members": _member_rows(specs, found, standings, truth),
        "config": thaw(config),
        **more,
    }
    if said := learning_curve_diagnostics.of(_curve(config, assembled, found, progress)):
        meta["diagnostics"] = said
    warned = [member.warning for member in standings if member.warning]
    if warned:
        meta["collapse"] = warned
    if len(specs) > 1:
        own = np.concatenate([verdict.members for verdict in found], axis=1)
        voted = np.concatenate([verdict.logits for verdict in found])
        meta |= ensemble(config.vote, truth, own, voted, meta["members"])
    return results.ReportInput(
        labels=assembled.manifest.labels,
        clips=[clip.path for clip in clips],
        speakers=[clip.speaker for clip in clips],
        genders=[clip.gender for clip in clips],
        folds=np.repeat([verdict.fold.split.fold for verdict in found], lengths),
        truth=truth,
        logits=np.concatenate([verdict.logits for verdict in found]),
        temperature=np.repeat([verdict.temperature for verdict in found], lengths),
        thresholds=np.repeat([verdict.thresholds for verdict in found], lengths, axis=0),
        history=curves(progress),
        notes=[
            *([f"Trained on {config.corpus}, tested on {config.test_corpus}."] if config.test_corpus else []),
            *_leaks(config, assembled, found),
            *assembled.manifest.notes,
            *corpora.notes(_named(config)),
        ],
        meta=meta,
    )


def _curve(
    config: Config, assembled: Assembled, found: Sequence[Verdict], progress: Sequence[run_state.Progress]
) -> learning_curve_diagnostics.Curve:
    clips = min(len(verdict.fold.split.valid) for verdict in found)
    # Where nothing is chosen by them, few validation clips do no harm.
    chosen_by = {"best": clips, "last": max(clips, learning_curve_diagnostics.ENOUGH_CLIPS)}[config.train.keep]
    rate = float(config.hyper.learning_rate)
    return learning_curve_diagnostics.Curve(
        history(progress), config.train.epochs, chosen_by, len(assembled.manifest.labels), rate
    )


def _named(config: Config) -> str:
    """All corpora of a run."""
    return "+".join(filter(None, (config.corpus, config.test_corpus)))


def _member_rows(
    specs: Sequence[Spec], found: Sequence[Verdict], standings: Sequence[run_state.Standing], truth: np.ndarray
) -> list[dict[str, Any]]:
    """One row a member, its figures pooled over folds and seeds."""
    rows = []
    for m, spec in enumerate(specs):
        mine = standings[m :: len(specs)]
        own = scores(truth, np.concatenate([verdict.members[m] for verdict in found]))
        warned = [one.warning for one in mine if one.warning]
        rows.append(
            {
                "architecture": spec.architecture,
                "name": spec.name,
                "features": spec.features.encoder if isinstance(spec.features, EncoderFeatures) else spec.features.kind,
                **own,
                "valid_uar": float(np.mean([one.best_uar for one in mine])),
                "best_epoch": round(float(np.mean([one.best_epoch for one in mine]))),
                "epochs": max(len(one.history) for one in mine),
                "weight": float(np.mean([verdict.weights[m] for verdict in found])),
                "parameters": _parameters(mine[0]),
                "status": f"collapsed: {warned[0]}" if warned else "trained",
            }
        )
    return rows


def ensemble(
    weights: str, truth: np.ndarray, members: np.ndarray, voted: np.ndarray, rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Fields of `metrics.json`: how the vote compares with its members, and how they differ.

    Args:
        weights: a name in `vote.CHOICES`.
        truth: integer `[n]`.
        members: scores or probabilities `[M, n, K]`.
        voted: the vote's, `[n, K]`.
        rows: the members' own, each with a `uar`.
    """
    best = max(row["uar"] for row in rows)
    told = {"weights": weights, **scores(truth, voted), "best_member_uar": best}
    return {"vote": told, "diversity": soft_voting.diversity(members.argmax(-1), truth)}


def scores(truth: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """`uar` and `accuracy` of the likeliest classes: integer `[n]`, scores or probabilities `[n, K]`."""
    return classification.scores(classification.confusion(truth, logits.argmax(-1), logits.shape[-1]))


def _best_epoch(standings: Sequence[run_state.Standing], epochs: int) -> str:
    best = sorted({member.best_epoch for member in standings})
    which = f"epoch {best[0]}" if len(best) == 1 else f"epochs {best[0]} to {best[-1]}"
    return f"validation UAR ({which} of {epochs})"


def _last_epoch(standings: Sequence[run_state.Standing], epochs: int) -> str:
    del standings
    return f"nothing: the last of {epochs} epochs, fixed beforehand"


CHOSEN_BY = {"best": _best_epoch, "last": _last_epoch}  # by `train.keep`


def _seconds(part: run_state.Progress) -> float:
    """Wall time of the epochs of a program, which all its members share."""
    return sum({row["epoch"]: row["seconds"] for member in part.members for row in member.history}.values())


def _parameters(member: run_state.Standing) -> int:
    return models.parameter_count(member.best)


def _leaks(config: Config, assembled: Assembled, found: Sequence[Verdict]) -> list[str]:
    """How many test clips have a copy of the same recording in training; none, but under the guide's own split."""
    if config.protocol != "guide":
        return []
    names = np.array([clip.path.split("#")[0] for clip in assembled.manifest.clips])
    known = sum(int(np.isin(names[v.fold.split.test], names[v.fold.split.train]).sum()) for v in found)
    total = sum(len(v.fold.split.test) for v in found)
    return [f"{known} of {total} test rows are copies of recordings that were trained on."]
