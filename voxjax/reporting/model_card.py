"""The card of a trained model: a README.md whose YAML header model hubs read (Mitchell et al. 2019, "Model Cards").

The header follows the model card specification of the Hugging Face hub: licence, languages, and figures as
`model-index`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from voxjax.data.corpora import CORPORA
from voxjax.evaluation import in_words
from voxjax.reporting import terms
from voxjax.storage.safe_text import printable

_SEVERAL_LICENCES = "other"
_CREDIT_ALONE, _SHARE_ALIKE = "cc-by-4.0", "cc-by-nc-sa-4.0"  # what has the first may be joined under the second
_TAGS = ("speech-emotion-recognition", "audio-classification", "jax", "flax")
_INTERVAL = 0.95  # of the intervals, as `evaluation.figures` computes it
_FIGURES = (("uar", "recall", "UAR"), ("accuracy", "accuracy", "accuracy"), ("macro_f1", "f1", "macro-F1"))


def header(name: str, corpus: str, figures: Mapping[str, Any], base_models: Sequence[str] = ()) -> str:
    """The YAML header of a card, from `---` to `---`.

    Args:
        name: of the model.
        corpus: that it was trained on, or several joined by `+`.
        figures: the content of `metrics.json` of the run that tested it.
        base_models: pretrained models in it, as hubs name them.
    """
    rows = [CORPORA[one] for one in corpus.split("+") if one in CORPORA]
    values: dict[str, Any] = {
        "library_name": "voxjax",
        "pipeline_tag": "audio-classification",
        "license": _licence({row.licence for row in rows}),
    }
    if values["license"] == "other":
        values["license_name"] = "terms-of-the-training-data"
    languages = sorted({language for row in rows for language in row.languages})
    values |= {"language": languages} if languages else {}
    values |= {"datasets": corpus.split("+"), "tags": list(_TAGS)}
    values |= {"base_model": list(base_models)} if base_models else {}
    values["model-index"] = [{"name": name, "results": [_result(figures)]}]
    return "\n".join(["---", *_yaml(values), "---"])


def _licence(licences: set[str]) -> str:
    """The licence of a model whose training data have these."""
    if licences == {_CREDIT_ALONE, _SHARE_ALIKE}:
        return _SHARE_ALIKE
    return next(iter(licences)) if len(licences) == 1 else _SEVERAL_LICENCES


def card(meta: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """The whole card of a model that a run has trained.

    Args:
        meta: of the model folder.
        figures: the content of `metrics.json` of the same run.
    """
    corpus, name = meta["corpus"], meta["name"]
    rows = [
        f"| {label} | {_in_percent(row['recall'])} | {_in_percent(row['precision'])} | {row['n']} |"
        for label, row in _classes(figures)
    ]
    parts = [
        header(name, corpus, figures),
        f"# {name}, trained on {corpus}",
        _cell(in_words.sentence(figures)),
        "A model of speech emotion by VoxJAX. It answers one of: " + ", ".join(map(_cell, figures["labels"])) + ".",
        "```bash\npip install voxjax\nvoxjax predict speech.wav --model=FOLDER\n```",
        "## Data",
        f"Corpus `{corpus}`. {meta['licence']}",
        "## Licence",
        "The terms of the training data hold for the model too; see above.",
        "## Protocol",
        f"{_tested(meta, figures)} Intervals are {_INTERVAL:.0%} ({_method(figures)}) over {figures['interval_over']}.",
        "\n".join(["| | figure | interval |", "|---|---|---|", *_figure_rows(figures)]),
        "\n".join(f"- {name}: {terms.TERMS[name]}." for name in ("UAR", "accuracy", "ECE", "recall", "precision")),
        "\n".join(["| emotion | recall | precision | test clips |", "|---|---|---|---|", *rows]),
        "## Limits",
        "\n".join(f"- {_cell(text)}" for text in _limits(figures)),
        "## Intended use",
        "Research and teaching. Not for decisions about people: not in hiring, policing, health care or monitoring at "
        "work or school.",
    ]
    return "\n\n".join(parts) + "\n"


def _in_percent(value: float | None) -> str:
    """A fraction in percent; a class without clips has none."""
    return "–" if value is None else f"{value:.1%}"


def _result(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one protocol as an entry of `model-index`, in percent."""
    metrics = []
    for key, kind, name in _FIGURES:
        metric: dict[str, Any] = {"type": kind, "name": name, "value": round(100 * figures[key], 1)}
        if f"{key}_ci" in figures:
            low, high = (round(100 * end, 1) for end in figures[f"{key}_ci"])
            over = figures["interval_over"] if "interval_over" in figures else "speakers"
            metric["name"] = f"{name} ({low} to {high})"
            metric["args"] = {"confidence_level": _INTERVAL, "lower": low, "upper": high, "over": over}
        metrics.append(metric)
    corpus, protocol = figures["corpus"], figures["protocol"]
    titles = " and ".join(CORPORA[one].note.partition(":")[0] if one in CORPORA else one for one in corpus.split("+"))
    return {
        "task": {"type": "audio-classification", "name": "speech emotion recognition"},
        "dataset": {"name": f"{titles}, protocol {protocol}", "type": corpus, "split": protocol},
        "metrics": metrics,
    }


def _tested(meta: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """What the figures are of: this model, or models of folds where this one is trained on all clips."""
    seed, n = f"seed {meta['seed']}", figures["n"]
    if "folds" not in meta:
        return f"`{meta['protocol']}`, fold {meta['fold']}, {seed}: {n} test clips, which were used once."
    return (
        f"`{meta['protocol']}`, {seed}: each of {n} clips was tested once, by one of {meta['folds']} models that were "
        "not trained on it. This model is trained on all of them, in the same way."
    )


def _method(figures: Mapping[str, Any]) -> str:
    """How the intervals were computed; all versions before this field took a bootstrap."""
    return figures["interval_method"] if "interval_method" in figures else "bootstrap"


def _figure_rows(figures: Mapping[str, Any]) -> list[str]:
    rows = []
    for key, _, name in _FIGURES:
        interval = "{:.1%} to {:.1%}".format(*figures[f"{key}_ci"]) if f"{key}_ci" in figures else ""
        rows.append(f"| {name} | {figures[key]:.1%} | {interval} |")
    return [*rows, f"| calibration error (ECE) | {figures['ece_calibrated']:.1%} | |"]


def _classes(figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(_cell(label), row) for label, row in figures["per_class"].items()]


def _limits(figures: Mapping[str, Any]) -> list[str]:
    """What the figures themselves warn about, and what holds for every model."""
    return [
        *figures["warnings"],
        "The figures are of this corpus and this protocol; expect less on recordings of other people, languages, rooms "
        "and microphones.",
        "A label is how a voice sounds to listeners, not what a person feels.",
    ]


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


def _yaml(value: Any, indent: str = "") -> list[str]:
    """Lines of YAML in block style; text is quoted as in JSON, which YAML reads."""
    lines = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        lead = f"{indent}{key}:" if isinstance(value, dict) else f"{indent}-"
        if isinstance(item, (dict, list)) and item:
            nested = _yaml(item, indent + "  ")
            if isinstance(value, dict):
                lines += [lead, *nested]
            else:  # the first line of an item stands beside its dash
                lines += [f"{lead} {nested[0].strip()}", *nested[1:]]
        else:
            lines.append(f"{lead} {json.dumps(item, ensure_ascii=False)}")
    return lines
