"""Several finished runs as one ensemble: a soft vote on their test clips, and one model folder of all members."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from voxjax.artifacts import model_folder, model_meta, training_identity
from voxjax.artifacts.model_folder import TrainedFeatures, TrainedModel
from voxjax.config import one_of
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.evaluation import compare_runs, results, run_summary
from voxjax.evaluation.compare_runs import Run
from voxjax.experiments import run_folder
from voxjax.metrics import soft_voting
from voxjax.reporting import model_card, run_report
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath, reaching

_CHOSEN_BY = "the same weight for each run; in each, "
_PRIOR_SUFFIXES = {"training": "", "equal": ", under equal priors"}
PRIORS = tuple(_PRIOR_SUFFIXES)  # class priors of the predictions


def vote(folders: Sequence[AnyPath], workdir: AnyPath, priors: str = "training") -> Mapping[str, Any]:
    """Reports the vote of runs in `workdir`, and leaves a model of all their members if each run has a model.

    Each run has the same weight, and its probabilities were calibrated on its own validation clips, so that no
    test clip chooses anything. Runs vote seed by seed, under the seeds they have in common; where they have none,
    the first seeds of all runs vote together, then the second, and so on.

    Args:
        folders: of runs with `report/predictions.csv`, all of the same test clips in the same folds.
        workdir: an unused folder.
        priors: "training", or "equal" for equal priors, by the class frequencies in the other folds; then no model
            is joined, as its members would answer under the frequencies they were trained on.

    Returns:
        The content of `report/metrics.json`.

    Raises:
        UsageError: at fewer than two runs, or a folder in use.
        VoxJaxError: at a folder without a report, runs of other test clips, folds or numbers of seeds, or equal priors
            where a class is in no other fold.
    """
    one_of("--priors", priors, PRIORS)
    if len(folders) < 2:
        raise UsageError(mismatch("vote.py", "RUN_A RUN_B …", f"{len(folders)} folders", "name two runs or more"))
    with run_folder.used_alone(workdir):
        return _vote(folders, workdir, priors)


def _vote(folders: Sequence[AnyPath], workdir: AnyPath, priors: str) -> Mapping[str, Any]:
    """As `vote`, in a folder that no other command uses."""
    with reaching(workdir):
        used = (workdir / "report").exists()
    if used:
        do = "choose another --workdir"
        raise UsageError(mismatch("--workdir", "a folder without a report", str(workdir), do))
    runs = [compare_runs.read(folder) for folder in folders]
    runs = [runs[0], *(compare_runs.aligned(runs[0], other) for other in runs[1:])]
    for other in runs[1:]:
        compare_runs.check_comparable(runs[0], other)
    common = sorted(set.intersection(*(set(run.figures["seeds"]) for run in runs)))
    orders = [_rows(run, common) for run in runs]
    for run, order in zip(runs[1:], orders[1:], strict=True):
        _check_same_rows(runs[0], orders[0], run, order)
    names = _names([(str(run.figures["model"]), folder) for run, folder in zip(runs, folders, strict=True)])
    configs = [run_folder.config(folder) for folder in folders]
    figures = run_report.write_report(workdir / "report", _report_input(runs, names, orders, common, configs, priors))
    if priors == "training" and all((folder / "model").is_dir() for folder in folders):
        models = [model_folder.load(folder / "model") for folder in folders]
        for folder, one in zip(folders, models, strict=True):
            model_meta.require(str(folder), one.meta, "corpus", "protocol", "fold", "seed", "licence")
        model = joined(models, names)
        atomic.write(workdir / "model" / "README.md", model_card.card(model.meta, figures))
        model_folder.save(workdir / "model", model)
    sources = {"vote": [str(folder) for folder in folders], "priors": priors}
    run_folder.claim(workdir, sources)
    return figures


def _names(known: Sequence[tuple[str, AnyPath]]) -> list[str]:
    """A name for each run that no other has: the model's, the folder's, or as much of its path as it takes."""
    parts = [folder.parts for _, folder in known]
    choices = [[model for model, _ in known]]
    choices += [["/".join(one[-length:]) for one in parts] for length in range(1, 1 + max(map(len, parts)))]
    return next((names for names in choices if len(set(names)) == len(names)), choices[-1])


def joined(models: Sequence[TrainedModel], names: Sequence[str] = ()) -> TrainedModel:
    """One model of all members, in which each model has the same weight in the vote.

    Its temperature is the geometric mean of theirs.

    Args:
        models: to join.
        names: of the models in the joint one's name; their own if not given.

    Raises:
        VoxJaxError: at different labels or sample rates.
    """
    labels = models[0].labels
    rate = models[0].feature_sets[0].features.sample_rate_hz
    feature_sets: list[TrainedFeatures] = []
    members = []
    for one in models:
        if one.labels != labels:
            found = f"{', '.join(labels)}, and {', '.join(one.labels)}"
            raise VoxJaxError(mismatch("models", "the same labels", found, "train them on the same corpus"))
        if one.feature_sets[0].features.sample_rate_hz != rate:
            found = f"{rate} and {one.feature_sets[0].features.sample_rate_hz} Hz"
            raise VoxJaxError(mismatch("models", "one sample rate", found, "train them on the same features"))
        places = [_place(feature_sets, own) for own in one.feature_sets]
        total = sum(member.weight for member in one.members)
        for member in one.members:
            members.append(
                dataclasses.replace(member, weight=member.weight / total, feature_set=places[member.feature_set])
            )
    temperature = float(np.exp(np.mean([np.log(one.temperature) for one in models])))
    known = [one.identity for one in models if one.identity is not None]
    identity = training_identity.united(known) if len(known) == len(models) else None
    # The density of the first model is of the first feature set, as that of a model must be.
    more = (identity, models[0].density)
    return TrainedModel("ensemble", {}, labels, tuple(feature_sets), temperature, members, _meta(models, names), *more)


def _place(known: list[TrainedFeatures], own: TrainedFeatures) -> int:
    """The index of the feature set in the known ones; it is added if it is new."""
    for i, other in enumerate(known):
        if other.features == own.features and _same(other.encoder, own.encoder):
            return i
    known.append(own)
    return len(known) - 1


def _same(a: Any, b: Any) -> bool:
    leaves, trees = zip(*(jax.tree.flatten(each) for each in (a, b)), strict=True)
    return bool(trees[0] == trees[1]) and all(np.array_equal(x, y) for x, y in zip(*leaves, strict=True))


def _meta(models: Sequence[TrainedModel], given: Sequence[str]) -> dict[str, Any]:
    """The metadata of the members' models, joined, with the training clips of all."""
    metas = [dict(one.meta) for one in models]
    clips = sorted({clip for meta in metas if "training_clips" in meta for clip in meta.pop("training_clips")})
    same = {key: value for key, value in metas[0].items() if all(key in one and one[key] == value for one in metas)}
    seeds = sorted({one["seed"] for one in metas if "seed" in one})
    corpus = "+".join(dict.fromkeys(str(one["corpus"]) for one in metas if "corpus" in one))
    protocols = ", ".join(dict.fromkeys(str(one["protocol"]) for one in metas if "protocol" in one))
    first: dict[str, Any] = {key: metas[0][key] for key in ("fold", "seed") if key in metas[0]}
    licences = dict.fromkeys(one["licence"] for one in metas if "licence" in one)
    names = given or [str(one["name"]) if "name" in one else "?" for one in metas]
    return {
        **same,
        **first,
        "seeds": seeds,
        "corpus": corpus,
        "protocol": protocols,
        "name": "vote of " + ", ".join(names),
        "licence": " ".join(licences),
        "training_clips": clips,
        "members": metas,
    }


def _rows(run: Run, seeds: Sequence[int]) -> np.ndarray:
    """Rows of these seeds, or all rows, sorted by seed, then clip. A clip's k-th row is of the k-th seed."""
    counts: dict[str, int] = {}
    times = []
    for clip in run.clips.tolist():
        counts[clip] = counts.setdefault(clip, -1) + 1
        times.append(counts[clip])
    order = np.lexsort((run.clips, np.array(times)))
    if not seeds:
        return order
    known = np.array(sorted(run.figures["seeds"]))
    return order[np.isin(known[np.array(times)[order]], seeds)]


def _check_same_rows(a: Run, ours: np.ndarray, b: Run, theirs: np.ndarray) -> None:
    what = f"{a.name} and {b.name}"
    if len(ours) != len(theirs):
        found = f"seeds {a.figures['seeds']} and {b.figures['seeds']}"
        raise VoxJaxError(mismatch(what, "as many seeds", found, "run both with the same --seeds"))
    if not np.array_equal(a.folds[ours], b.folds[theirs]):
        raise VoxJaxError(mismatch(what, "the same folds", "others", "run both under the same protocol"))


def _report_input(
    runs: Sequence[Run],
    names: Sequence[str],
    orders: Sequence[np.ndarray],
    seeds: Sequence[int],
    configs: Sequence[dict[str, Any]],
    priors: str,
) -> results.ReportInput:
    """The vote as the input of a report."""
    first, rows = runs[0], orders[0]
    probabilities = np.stack([run.probabilities[order] for run, order in zip(runs, orders, strict=True)])
    voted = soft_voting.weighted_mean(probabilities, np.ones(len(runs)))
    truth = first.truth[rows]
    if priors == "equal":
        voted = soft_voting.with_equal_priors(voted, _counts_in_other_folds(truth, first.folds[rows], voted.shape[1]))
    members = [_member(run, name, truth, each) for run, name, each in zip(runs, names, probabilities, strict=True)]
    meta: Any = {
        "protocol": first.figures["protocol"],
        "corpus": first.figures["corpus"],
        "model": "vote of " + ", ".join(names) + _PRIOR_SUFFIXES[priors],
        "folds": first.figures["folds"],
        "seeds": list(seeds) or sorted({seed for run in runs for seed in run.figures["seeds"]}),
        "chosen_by": _CHOSEN_BY + "; ".join(dict.fromkeys(run.figures["chosen_by"] for run in runs)),
        "train_seconds": sum(run.figures["train_seconds"] for run in runs),
        "parameters": sum(run.figures["parameters"] for run in runs),
        "members": members,
        **{key: first.figures[key] for key in ("trained_on", "test_corpus", "selection") if key in first.figures},
        **run_summary.ensemble_fields("equal", truth, probabilities, voted, members),
        "config": {run.name: config for run, config in zip(runs, configs, strict=True)},
    }
    return results.ReportInput(
        labels=first.figures["labels"],
        clips=first.clips[rows].tolist(),
        speakers=first.speakers[rows].tolist(),
        genders=_genders(runs, orders),
        folds=first.folds[rows],
        truth=truth,
        logits=np.log(np.maximum(voted, 1e-12)),
        temperature=1.0,
        meta=meta,
        audio_hashes=[first.audio[clip] for clip in first.clips[rows].tolist()] if first.audio else [],
        notes=[f"A vote of {', '.join(run.name for run in runs)}."],
    )


def _counts_in_other_folds(truth: np.ndarray, folds: np.ndarray, classes: int) -> np.ndarray:
    """Clips of each class in other folds than each clip's own, which its networks were trained on: `[n, K]`."""
    counts = np.zeros((len(truth), classes))
    for fold in np.unique(folds):
        counts[folds == fold] = np.bincount(truth[folds != fold], minlength=classes)
    return counts


def _genders(runs: Sequence[Run], orders: Sequence[np.ndarray]) -> list[str]:
    """The genders of the first run that has them; older reports have none."""
    found = [run.genders[order].tolist() for run, order in zip(runs, orders, strict=True)]
    return next((genders for genders in found if any(genders)), found[0])


def _member(run: Run, name: str, truth: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    figures = run.figures
    return {
        "architecture": figures["model"],
        "name": name,
        **run_summary.scores(truth, probabilities),
        "weight": 1.0,
        "parameters": figures["parameters"],
        "status": "trained",
    }
