"""The figures of a run: the content of `metrics.json`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from voxjax.data.corpora import GENERATED
from voxjax.evaluation import figure_warnings, group_intervals, known_speakers
from voxjax.evaluation.results import Meta, ReportInput
from voxjax.metrics import calibration, classification, proportions, selective
from voxjax.storage import json_values
from voxjax.storage.provenance import provenance

# Here training and test have the same speakers, so clips are the independent units.
_CLIP_PROTOCOLS = ("random5", "guide")


def probabilities(run: ReportInput) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the test clips before and after temperature scaling: `[n, K]` each."""
    temperature = np.broadcast_to(np.asarray(run.temperature, np.float64), len(run.truth))
    return calibration.calibrated_probabilities(run.logits, 1.0), calibration.calibrated_probabilities(
        run.logits, temperature[:, None]
    )


def measure(run: ReportInput) -> dict[str, Any]:
    """The content of `metrics.json`; values that are not finite become None.

    Raises:
        VoxJaxError: without clips, with unequal columns, or at logits that are not finite.
    """
    meta = run.meta
    before, after = probabilities(run)
    over = _interval_over(meta["protocol"], run.speakers)
    units = {"speakers": run.speakers, "clips": run.clips}[over]
    summary = classification.summarize(run.truth, after, run.labels, run.speakers, run.genders, units)
    summary["ece_calibrated"] = summary["ece"]
    summary["ece"] = classification.ece(before, run.truth)
    head = {key: value for key, value in meta.items() if key != "config"}
    if len(meta["members"]) == 1:  # the figures of a single member are those of the run
        head["members"] = [meta["members"][0] | {"uar": summary["uar"]}]
    figures = (
        head
        | summary
        | {
            "temperature": float(np.exp(np.mean(np.log(run.temperature)))),
            "interval_over": over,
            "genders": dict(zip(run.speakers, run.genders, strict=True)),
            "per_fold": _per_fold(run, after),
            **_intervals(run, after),
            **_rejected(run, after),
            **(domain := figure_warnings.domain(run, after)),
            "warnings": [
                *warnings_about(meta["protocol"], meta["corpus"]),
                *_known(meta),
                *_collapses(meta),
                *_adaptation(meta),
                *figure_warnings.few_samples(run, over, summary),
                *figure_warnings.unlike_training(domain),
            ],
            **provenance(),
        }
    )
    return json_values.plain(figures)


def warnings_about(protocol: str, corpus: str) -> list[str]:
    """Warnings that every report of this protocol and corpus must state."""
    found = []
    if set(corpus.split("+")) & set(GENERATED):
        found.append("The corpus is synthetic: these figures say nothing about people.")
    if protocol == "guide":
        found.append(
            "The protocol of the training guide leaks: copies of a clip are on both sides of the "
            "split, so these figures measure nothing. It is kept to show the leak."
        )
    if protocol == "all":
        found.append("Nothing was held out: these figures are of the validation clips and are no result.")
    return found


def _known(meta: Meta) -> list[str]:
    return [known_speakers.warning(meta["known_speakers"], meta["named_speakers"])] if "known_speakers" in meta else []


def _collapses(meta: Meta) -> list[str]:
    return [f"Training collapsed: {text}." for text in meta["collapse"]] if "collapse" in meta else []


def _adaptation(meta: Meta) -> list[str]:
    return [f"Adaptation: {text}." for text in meta["adaptation"]["warnings"]] if "adaptation" in meta else []


def _interval_over(protocol: str, speakers: Sequence[str]) -> str:
    """The unit of the intervals; clips if there is only one speaker."""
    by_clip = protocol.partition("+")[0] in _CLIP_PROTOCOLS or len(set(speakers)) < 2
    return "clips" if by_clip else "speakers"


def _intervals(run: ReportInput, after: np.ndarray) -> dict[str, Any]:
    """Intervals of classes and groups, which differ in their numbers of clips."""
    predicted, classes = after.argmax(-1), len(run.labels)
    return {
        **group_intervals.of_classes(run.labels, classification.confusion(run.truth, predicted, classes)),
        "per_speaker_ci": group_intervals.of_groups(run.truth, predicted, run.speakers, classes),
        "per_gender_ci": group_intervals.of_groups(run.truth, predicted, run.genders, classes),
    }


def _per_fold(run: ReportInput, after: np.ndarray) -> dict[str, dict[str, Any]]:
    """UAR with its interval, and accuracy, of each fold."""
    names = [str(fold) for fold in run.folds]
    parts = classification.confusion_by_group(run.truth, after.argmax(-1), names, len(run.labels))
    return {
        name: {
            **classification.scores(counts),
            "uar_ci": proportions.uar_interval(counts),
            "n": int(counts.sum()),
        }
        for name, counts in sorted(parts.items(), key=lambda part: int(part[0]))
    }


def _rejected(run: ReportInput, after: np.ndarray) -> dict[str, list[dict[str, Any]]]:
    """Coverage and accuracy on test clips of the threshold for each target accuracy, chosen on validation clips."""
    if run.thresholds is None:
        return {}
    rows = []
    for target, least in zip(selective.TARGETS, run.thresholds.T, strict=True):
        known = least[np.isfinite(least)]
        threshold = float(known.mean()) if len(known) else None
        rows.append(
            {"target": target, "threshold": threshold, **selective.accuracy_and_coverage(after, run.truth, least)}
        )
    return {"reject": rows}
