"""The confidence below which answers are withheld, for an accuracy that is wanted of the rest."""

from voxjax.config_schema import Plain
from voxjax.errors import VoxJaxError, mismatch


def threshold(model: str, meta: Plain, target_accuracy: float) -> float:
    """The confidence above which validation clips were answered with this accuracy.

    Args:
        model: the model folder, for messages.
        meta: of the model, with its thresholds.
        target_accuracy: of the accepted answers, in [0, 1].

    Raises:
        VoxJaxError: at a model without thresholds, or an accuracy that it has none for.
    """
    known = meta["reject"] if "reject" in meta else {}
    if f"{target_accuracy:g}" not in known:
        expected = "one of " + ", ".join(known) if known else "a model that was trained with thresholds"
        do = "choose one of these" if known else "name a confidence yourself (--reject_below=0.6), or train again"
        raise VoxJaxError(mismatch(f"{model}, target accuracy", expected, f"{target_accuracy:g}", do))
    if known[f"{target_accuracy:g}"] is None:
        found = "no confidence that reaches it on validation clips"
        do = "ask for less, or name a confidence yourself (--reject_below=0.6)"
        raise VoxJaxError(mismatch(model, f"{target_accuracy:.0%} of answers right", found, do))
    return float(known[f"{target_accuracy:g}"])
