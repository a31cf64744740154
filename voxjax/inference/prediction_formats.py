"""Answers about files, as lines of text, JSON or CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from voxjax.audio import io as audio
from voxjax.errors import UsageError, VoxJaxError, mismatch

_WIDEST = 72  # characters of a path before its columns stop lining up
_SHOWN = 3  # likeliest other emotions in a line of text
_UNCERTAIN = "uncertain"  # stands for an answer that was refused


class Layout(NamedTuple):
    """What the answers of one call have in common."""

    labels: Sequence[str]
    width: int  # characters of the longest path


class Format(NamedTuple):
    """A way to write answers. A new one is a row in `FORMATS`."""

    head: Callable[[Layout], Iterator[str]]  # lines before the first answer
    row: Callable[[Layout, dict[str, Any]], str]


def lines(
    predictor: Any,
    arguments: Sequence[str],
    style: Format,
    report: Callable[[int, int], None],
    others: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Answers for files and folders, as soon as they are known, broken files among them.

    Args:
        predictor: an `EmotionPredictor`.
        arguments: paths of sound files and folders.
        style: of `FORMATS`.
        report: told once, at the end, how many could not be answered, and of how many.
        others: what the one clip has beside its sound, as of `predict`; without a sound its path is "-".

    Yields:
        Lines without their ends.

    Raises:
        UsageError: at other modalities beside several sound files.
    """
    paths, broken = _found(arguments)
    if others and len(paths) + len(broken) > 1:
        found = f"{len(paths) + len(broken)} sound files"
        do = "text, face and physiology belong to one clip: predict one at a time"
        raise UsageError(mismatch("other modalities", "one sound file at most", found, do))
    sources: list[str | None] = [*paths]
    if others and not arguments:
        paths, sources = ["-"], [None]
    width = min(_WIDEST, max(len(path) for path in [*paths, *arguments]))
    layout = Layout(predictor.labels, width)
    yield from style.head(layout)
    for answer in broken:
        yield style.row(layout, answer)
    failed = len(broken)
    found = predictor.predict_many(sources, _error, [others] if others and sources else None)
    for path, answer in zip(paths, found, strict=True):
        failed += "error" in answer
        yield style.row(layout, {"path": path, **answer})
    report(failed, len(broken) + len(paths))


def _found(arguments: Sequence[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """The sound files, and an answer for each argument that gives none."""
    paths, broken = [], []
    for argument in arguments:
        try:
            paths += [str(path) for path in audio.find([argument])]
        except VoxJaxError as error:
            broken.append({"path": argument, **_error(argument, error)})
    return paths, broken


def _error(source: Any, error: VoxJaxError) -> dict[str, Any]:
    return {"error": str(error).removeprefix(f"{source}: ")}


def _text_row(layout: Layout, answer: dict[str, Any]) -> str:
    path = f"{answer['path']:<{layout.width}}"
    if "error" in answer:
        return f"{path}  error: {answer['error']}"
    refused = answer["emotion"] is None
    ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[not refused :][:_SHOWN]
    others = ", ".join(f"{label} {100 * p:.0f} %" for label, p in ranked)
    name = max(map(len, [*layout.labels, _UNCERTAIN]))
    emotion = _UNCERTAIN if refused else answer["emotion"]
    return f"{path}  {emotion:<{name}}  {100 * answer['confidence']:3.0f} %   ({others})"


def _json_row(layout: Layout, answer: dict[str, Any]) -> str:
    return json.dumps(_rounded(answer), ensure_ascii=False)


def _csv_head(layout: Layout) -> Iterator[str]:
    yield _csv_line(["path", "emotion", "confidence", *layout.labels, "duration_s", "model", "error"])


def _csv_row(layout: Layout, answer: dict[str, Any]) -> str:
    if "error" in answer:
        return _csv_line([answer["path"], *[""] * (len(layout.labels) + 4), answer["error"]])
    values = _rounded(answer)
    chances = [values["probabilities"][label] for label in layout.labels]
    first, last = (
        [values[key] for key in ("path", "emotion", "confidence")],
        [values["duration_s"], values["model"]],
    )
    return _csv_line([*first, *chances, *last, ""])


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _rounded(answer: Any) -> Any:
    """The same with numbers of six decimals, which is beyond what any of them is known to."""
    if isinstance(answer, dict):
        return {key: _rounded(value) for key, value in answer.items()}
    return round(answer, 6) if isinstance(answer, float) else answer


def _no_head(layout: Layout) -> Iterator[str]:
    return iter(())


FORMATS = {
    "text": Format(_no_head, _text_row),
    "json": Format(_no_head, _json_row),
    "csv": Format(_csv_head, _csv_row),
}
