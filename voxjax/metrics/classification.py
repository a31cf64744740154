"""Classification metrics: UAR, accuracy, calibration error and their intervals, from sums divided once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num
from sklearn import metrics as sk

from voxjax.errors import VoxJaxError, mismatch
from voxjax.metrics import few_units

ECE_BINS = 15
_DRAWS = 2_000  # bootstrap samples: the ends of a 95 % interval are then steady to about 0.1 point
INTERVAL_METHODS = {False: "bootstrap", True: "Clopper-Pearson"}  # by whether there are few units, see `few_units`
_COVERAGES = tuple((i + 1) / 20 for i in range(20))

Figure = Callable[[np.ndarray], np.ndarray | np.floating]  # `[..., K, K] -> [...]`, for example `uar`


def example(logits: Float[Array, " K"], target: Int[Array, ""]) -> dict[str, Float[Array, "..."]]:
    """The contribution of one clip to the sums.

    Args:
        logits: `[K]`.
        target: integer `[]`, the true class.

    Returns:
        `confusion [K, K]` (truth in rows, prediction in columns), `nll []` in nats and `count []`.
    """
    classes = logits.shape[-1]
    truth = jax.nn.one_hot(target, classes)
    predicted = jax.nn.one_hot(jnp.argmax(logits), classes)
    nll = -jnp.sum(truth * jax.nn.log_softmax(logits))
    return {"confusion": truth[:, None] * predicted[None, :], "nll": nll, "count": jnp.float32(1)}


def sums(
    logits: Float[Array, "B K"], targets: Int[Array, " B"], weight: Float[Array, " B"]
) -> dict[str, Float[Array, "..."]]:
    """Weighted sums over a batch. Sums of several batches merge by addition.

    Args:
        logits: `[B, K]`.
        targets: integer `[B]`.
        weight: `[B]`, 0 for padding, where logits may be any number or NaN.

    Returns:
        The weighted sums of the values of `example`.
    """

    def total(values: Float[Array, "B ..."]) -> Float[Array, "..."]:
        mask = weight.reshape(-1, *(1,) * (values.ndim - 1))
        return jnp.sum(jnp.where(mask > 0, mask * values, 0.0), axis=0)

    return jax.tree.map(total, jax.vmap(example)(logits, targets))


def ratios(total: Mapping[str, Num[Array | np.ndarray, "..."] | np.number | float]) -> dict[str, float]:
    """Ratios of all sums, on the host: `uar`, `accuracy` and `nll` (nats per clip)."""
    confusion = np.asarray(total["confusion"], np.float64)
    nll = float(total["nll"]) / float(total["count"])
    return {**scores(confusion), "nll": nll}


def recalls(confusion: Num[np.ndarray, "*shape K K"]) -> Float[np.ndarray, "*shape K"]:
    """Recall of each class, NaN where the truth does not contain it: `[..., K, K] -> [..., K]`."""
    truth = confusion.sum(-1)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    return np.divide(hits, truth, out=np.full(truth.shape, np.nan), where=truth > 0)


def uar(confusion: Num[np.ndarray, "*shape K K"]) -> Float[np.ndarray, "*shape"] | np.floating:
    """Unweighted average recall over the classes present in the truth: `[..., K, K] -> [...]`."""
    return np.nanmean(recalls(confusion), axis=-1)


def accuracy(confusion: Num[np.ndarray, "*shape K K"]) -> Float[np.ndarray, "*shape"] | np.floating:
    """Fraction of clips on the diagonal: `[..., K, K] -> [...]`."""
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1))


def confusion_by_group(
    truth: Int[np.ndarray, " clips"], predicted: Int[np.ndarray, " clips"], groups: Sequence[str], classes: int
) -> dict[str, Int[np.ndarray, "{classes} {classes}"]]:
    """The confusion matrix of each group of clips, by name in sorted order: int64 `[K, K]` each."""
    names, index = np.unique(np.asarray(groups, str), return_inverse=True)
    counts = np.zeros((len(names), classes, classes), np.int64)
    np.add.at(counts, (index, truth, predicted), 1)
    return {str(name): matrix for name, matrix in zip(names, counts, strict=True)}


def confusion(
    truth: Int[np.ndarray, " clips"], predicted: Int[np.ndarray, " clips"], classes: int
) -> Int[np.ndarray, "{classes} {classes}"]:
    """The confusion matrix of all clips together: int64 `[K, K]`."""
    return confusion_by_group(truth, predicted, ["all"] * len(truth), classes)["all"]


def scores(confusion: Num[np.ndarray, "K K"]) -> dict[str, float]:
    """`uar` and `accuracy` of a confusion matrix `[K, K]`."""
    return {"uar": float(uar(confusion)), "accuracy": float(accuracy(confusion))}


def interval(confusions: Num[np.ndarray, "units K K"], figure: Figure, seed: int = 0) -> list[float]:
    """95 % percentile bootstrap interval (Efron 1979), drawing whole units with replacement.

    Args:
        confusions: `[units, K, K]`, one matrix per unit. Units are independent: speakers, or clips.
        figure: `[..., K, K] -> [...]`, such as `uar`.
        seed: of the draws. The same seed gives the same interval.

    Returns:
        The lower and the upper end.
    """
    units, classes = confusions.shape[:2]
    generator = np.random.default_rng(seed)
    times = generator.multinomial(units, np.full(units, 1 / units), size=_DRAWS)
    drawn = times.astype(np.float64) @ confusions.reshape(units, -1).astype(np.float64)
    values = figure(drawn.reshape(_DRAWS, classes, classes))
    return [float(end) for end in np.percentile(values, [2.5, 97.5])]


def reliability(
    probabilities: Float[np.ndarray, "clips K"], truth: Int[np.ndarray, " clips"]
) -> dict[str, Num[np.ndarray, " bins"]]:
    """Confidence against accuracy in 15 bins of equal width (Guo et al. 2017).

    Args:
        probabilities: `[clips, K]`.
        truth: integer `[clips]`.

    Returns:
        `count`, mean `confidence` and `accuracy` of each bin, `[15]`; the means of an
        empty bin are 0.
    """
    confidence = probabilities.max(-1).astype(np.float64)
    correct = probabilities.argmax(-1) == truth
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)
    count = np.bincount(bins, minlength=ECE_BINS)
    most = np.maximum(count, 1)
    return {
        "count": count,
        "confidence": np.bincount(bins, confidence, ECE_BINS) / most,
        "accuracy": np.bincount(bins, correct, ECE_BINS) / most,
    }


def ece(probabilities: Float[np.ndarray, "clips K"], truth: Int[np.ndarray, " clips"]) -> float:
    """Expected calibration error in [0, 1]: the mean gap over the clips of `reliability`'s bins."""
    bins = reliability(probabilities, truth)
    gap = np.abs(bins["confidence"] - bins["accuracy"])
    return float(np.average(gap, weights=bins["count"]))


def coverage(probabilities: Float[np.ndarray, "clips K"], truth: Int[np.ndarray, " clips"]) -> list[dict[str, float]]:
    """Accuracy when only the most confident fraction of clips is accepted.

    Returns:
        One row for each 5 %: `coverage`, `accuracy`, and `confidence`, the lowest one accepted.
    """
    confidence = probabilities.max(-1)
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(probabilities.argmax(-1)[order] == truth[order])
    rows = []
    for fraction in _COVERAGES:
        kept = max(1, round(fraction * len(truth)))
        least = float(confidence[order[kept - 1]])
        rows.append({"coverage": fraction, "accuracy": float(hits[kept - 1]) / kept, "confidence": least})
    return rows


def per_class(
    truth: Int[np.ndarray, " clips"], predicted: Int[np.ndarray, " clips"], labels: Sequence[str]
) -> dict[str, dict[str, float | int | None]]:
    """Precision, recall, F1 and `n` of each label; None where the truth does not contain it."""
    table = sk.precision_recall_fscore_support(truth, predicted, labels=np.arange(len(labels)), zero_division=0.0)
    rows: dict[str, dict[str, float | int | None]] = {}
    for label, *figures, n in zip(labels, *table, strict=True):
        values = [float(figure) if n else None for figure in figures]
        rows[label] = dict(zip(("precision", "recall", "f1"), values, strict=True)) | {"n": int(n)}
    return rows


def summarize(
    truth: Int[np.ndarray, " truths"],
    probabilities: Float[np.ndarray, "clips probabilities"],
    labels: Sequence[str],
    speakers: Sequence[str],
    genders: Sequence[str],
    units: Sequence[str],
) -> dict[str, Any]:
    """Every figure of a report, as plain Python values.

    Args:
        truth: integer `[clips]`, indices into `labels`.
        probabilities: `[clips, K]`, calibrated.
        labels: the K names.
        speakers: of each clip.
        genders: of each clip's speaker; '' where unknown.
        units: over which the intervals are: the speaker of each clip, or the clip itself.

    Returns:
        The fields of `metrics.json` that follow from predictions. `per_speaker` and `per_gender`
        are UARs within the group; `macro_f1` is the mean over the classes present in the truth.

    Raises:
        VoxJaxError: without clips, or if the arguments differ in length.
    """
    _check(truth, probabilities, labels, speakers, genders, units)
    predicted, classes = probabilities.argmax(-1), len(labels)
    confusion = sk.confusion_matrix(truth, predicted, labels=np.arange(classes))
    drawn = np.stack(list(confusion_by_group(truth, predicted, units, classes).values()))
    by_speaker = confusion_by_group(truth, predicted, speakers, classes)
    by_gender = confusion_by_group(truth, predicted, genders, classes)
    table = per_class(truth, predicted, labels)
    return {
        "n": len(truth),
        "labels": list(labels),
        "accuracy": float(accuracy(confusion)),
        "uar": float(uar(confusion)),
        **intervals(drawn),
        "macro_f1": float(np.mean([row["f1"] for row in table.values() if row["n"]])),
        "ece": ece(probabilities, truth),
        "confusion": confusion.tolist(),
        "per_class": table,
        "per_speaker": {name: float(uar(counts)) for name, counts in by_speaker.items()},
        "per_gender": {name: float(uar(counts)) for name, counts in by_gender.items() if name},
        "speaker_n": {name: int(counts.sum()) for name, counts in by_speaker.items()},
        "gender_n": {name: int(counts.sum()) for name, counts in by_gender.items() if name},
        "coverage": coverage(probabilities, truth),
    }


def intervals(drawn: Int[np.ndarray, "units K K"]) -> dict[str, Any]:
    """95 % intervals of accuracy and UAR, and their method, from the confusion matrix of each unit.

    A bootstrap over the units; where they are few, exact intervals (`few_units`).
    """
    few = few_units.applies(drawn)
    return {
        "accuracy_ci": few_units.accuracy_interval(drawn) if few else interval(drawn, accuracy),
        "uar_ci": few_units.uar_interval(drawn) if few else interval(drawn, uar),
        "interval_method": INTERVAL_METHODS[few],
    }


def _check(
    truth: Int[np.ndarray, " truths"],
    probabilities: Float[np.ndarray, "clips probabilities"],
    labels: Sequence[str],
    *columns: Sequence[str],
) -> None:
    """Checks that the arguments have one length and fit the labels."""
    rows = [len(truth), len(probabilities), *(len(column) for column in columns)]
    if min(rows) < 1 or len(set(rows)) > 1:
        do = "give one row per test clip"
        raise VoxJaxError(mismatch("metrics", "columns of one length, at least 1", rows, do))
    if probabilities.shape[1] != len(labels) or not 0 <= truth.min() <= truth.max() < len(labels):
        found = f"{probabilities.shape[1]} probabilities and classes up to {truth.max()}"
        do = "compare the model's labels with the corpus's"
        raise VoxJaxError(mismatch("metrics", f"{len(labels)} classes", found, do))
    if not np.isfinite(probabilities).all():
        do = "training diverged: lower hyper.learning_rate"
        raise VoxJaxError(mismatch("metrics", "finite probabilities", "NaN or infinity", do))
