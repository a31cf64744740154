"""Predictions for files and folders as lines, in any of the formats."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from voxjax.audio import search
from voxjax.data import broken_clips
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference.formats import Answer, Format, Layout
from voxjax.inference.predictor import EmotionPredictor, Source
from voxjax.storage.safe_text import readable

_WIDEST = 72  # longest path, in characters, for which columns are aligned

# What a file that can't be read does: mark gives its error in place of an answer; stop and skip as in
# `data.broken_clips`.
POLICIES = ("mark", "stop", "skip")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is predicted, and how answers are written."""

    arguments: Sequence[str]  # paths of sound files and folders
    style: Format
    modality_inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)  # of the one clip, as of `predict`
    broken_clips: str = "mark"  # a name in `POLICIES`
    raw_cells: bool = False  # leaves cells that a spreadsheet would evaluate as they are


def lines(predictor: EmotionPredictor, request: Request, report: Callable[[int, int], None]) -> Iterator[str]:
    """Lines for files and folders, as soon as they are known; a file that can't be read gives its error.

    Args:
        predictor: the model.
        request: with modality inputs and no files, the path of the one answer is "-".
        report: is called once, at the end, with the number of failures and of all files; of skipped files none is a
            failure.

    Yields:
        Lines without line ends.

    Raises:
        UsageError: at modality inputs with several sound files.
        VoxJaxError: at a file that can't be read, if the policy is "stop"; if the policy is "skip" and none can.
    """
    paths, broken = _found(request.arguments)
    if request.modality_inputs and len(paths) + len(broken) > 1:
        found = f"{len(paths) + len(broken)} sound files"
        do = "text, face and physiology belong to one clip: predict one at a time"
        raise UsageError(mismatch("other modalities", "one sound file at most", found, do))
    sources: list[str | None] = [*paths]
    if request.modality_inputs and not request.arguments:
        paths, sources = ["-"], [None]
    names = [readable(path) for path in paths]
    width = min(_WIDEST, max(len(name) for name in [*names, *(answer["path"] for answer in broken), ""]))
    layout = Layout(predictor.labels, width, request.raw_cells)
    yield from request.style.header(layout)
    inputs = [request.modality_inputs] if request.modality_inputs and sources else None
    failed = []
    for answer in _answers(predictor, sources, names, inputs, broken):
        if "error" in answer:
            failed.append(f"{answer['path']}: {answer['error']}")
            if request.broken_clips == "stop":
                raise VoxJaxError(failed[0])
        if "error" not in answer or request.broken_clips == "mark":
            yield request.style.row(layout, answer)
    total = len(broken) + len(paths)
    if request.broken_clips == "skip":
        if len(failed) == total:
            raise VoxJaxError(failed[0])
        broken_clips.handle(failed, "skip")
    report(len(failed) if request.broken_clips == "mark" else 0, total)


def _answers(
    predictor: EmotionPredictor,
    sources: Sequence[str | None],
    names: Sequence[str],
    inputs: list[Mapping[str, str]] | None,
    broken: Sequence[Answer],
) -> Iterator[Answer]:
    """An answer for each path, those of paths without any sound first."""
    yield from broken
    for name, answer in zip(names, predictor.predict_many(sources, _error, inputs), strict=True):
        yield {"path": name, **answer}


def _found(arguments: Sequence[str]) -> tuple[list[str], list[Answer]]:
    """The sound files, and an error for each folder without any or that can't be opened."""
    paths: list[str] = []
    broken: list[Answer] = []
    for argument in arguments:
        folder = Path(argument)
        if not folder.is_dir():
            paths.append(str(folder))
            continue
        found = search.search(folder)
        search.report(folder, found.left_out)
        paths += map(str, found.files)
        errors = {str(path): ("a folder that can be opened", reason) for path, reason in found.unreadable.items()}
        if not found.files and not errors:
            left_out = search.description(folder, found.left_out)
            errors[argument] = ("sound files", f"none; left out: {left_out}" if left_out else "none")
        for path, (expected, reason) in errors.items():
            name = readable(path)
            error = mismatch(name, expected, readable(reason), "check the path and its permissions")
            broken.append({"path": name, "error": error.removeprefix(f"{name}: ")})
    return paths, broken


def _error(source: Source, error: VoxJaxError) -> Answer:
    return {"error": readable(str(error).removeprefix(f"{source}: "))}
