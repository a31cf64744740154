"""A comparison of two runs as a table for a paper, in LaTeX."""

from collections.abc import Mapping
from typing import Any

_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_TITLES = {"uar": "UAR", "accuracy": "Accuracy"}


def table(found: Mapping[str, Any]) -> str:
    """The table, with a caption that states protocol, clips, units, seeds and how interval and p were computed.

    It needs LaTeX's package `booktabs`. Values are in percent, differences in percentage points.

    Args:
        found: as `compare_runs.compare` returns it.
    """
    rows = [_row(title, found[name]) for name, title in _TITLES.items()]
    first, second = (escaped(_name(found[key])) for key in ("first", "second"))
    head = rf"& {first} & {second} & Difference & 95\,\% interval & $p$ \\"
    lines = [r"\begin{table}", r"\centering", r"\begin{tabular}{lrrrrr}", r"\toprule", head, r"\midrule"]
    return "\n".join(
        [*lines, *rows, r"\bottomrule", r"\end{tabular}", f"\\caption{{{_caption(found)}}}", r"\end{table}"]
    )


def escaped(text: str) -> str:
    """Text in which LaTeX's special characters are characters."""
    return "".join(_SPECIAL[character] if character in _SPECIAL else character for character in text)


def _name(run: str) -> str:
    """The model of "runs/optimized (optimized)"."""
    return run.rpartition("(")[2].removesuffix(")")


def _row(title: str, values: Mapping[str, Any]) -> str:
    low, high = (f"${100 * end:+.1f}$" for end in values["interval"])
    p = "$<$0.001" if values["p"] < 0.001 else f"{values['p']:.3f}"
    first, second, gap = (100 * values[key] for key in ("first", "second", "difference"))
    return rf"{title} & {first:.1f} & {second:.1f} & ${gap:+.1f}$ & {low} to {high} & {p} \\"


def _caption(found: Mapping[str, Any]) -> str:
    """What a reader needs beside the figures."""
    unit = found["unit"]
    seeds = " and ".join(", ".join(map(str, each)) for each in found["seeds"])
    return (
        f"{escaped(found['corpus'])}, protocol {escaped(found['protocol'])}, {found['clips']} test clips, "
        rf"{len(found['labels'])} emotions (\%). Paired over {found['units']} {unit}: bootstrap interval and "
        f"permutation test of the difference. Seeds {seeds}."
    )
