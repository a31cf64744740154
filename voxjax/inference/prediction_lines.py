"""Predictions for files and folders as lines, in any of the formats."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from voxjax.audio import io as audio
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference.formats import Answer, Format, Layout
from voxjax.inference.predictor import EmotionPredictor, Source

_WIDEST = 72  # longest path, in characters, for which columns are aligned


def lines(
    predictor: EmotionPredictor,
    arguments: Sequence[str],
    style: Format,
    report: Callable[[int, int], None],
    modality_inputs: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Lines for files and folders, each as soon as it is computed; an unreadable file has a line with its error.

    Args:
        predictor: the model.
        arguments: paths of sound files and folders.
        style: of `FORMATS`.
        report: is called once, at the end, with the number of failures and of all files.
        modality_inputs: of the one clip, as of `predict`; without a sound its path is "-".

    Yields:
        Lines without line ends.

    Raises:
        UsageError: at modality inputs with several sound files.
    """
    paths, broken = _found(arguments)
    if modality_inputs and len(paths) + len(broken) > 1:
        found = f"{len(paths) + len(broken)} sound files"
        do = "text, face and physiology belong to one clip: predict one at a time"
        raise UsageError(mismatch("other modalities", "one sound file at most", found, do))
    sources: list[str | None] = [*paths]
    if modality_inputs and not arguments:
        paths, sources = ["-"], [None]
    width = min(_WIDEST, max(len(path) for path in [*paths, *arguments]))
    layout = Layout(predictor.labels, width)
    yield from style.header(layout)
    for answer in broken:
        yield style.row(layout, answer)
    failed = len(broken)
    answers = predictor.predict_many(sources, _error, [modality_inputs] if modality_inputs and sources else None)
    for path, answer in zip(paths, answers, strict=True):
        failed += "error" in answer
        yield style.row(layout, {"path": path, **answer})
    report(failed, len(broken) + len(paths))


def _found(arguments: Sequence[str]) -> tuple[list[str], list[Answer]]:
    """The sound files, and an error for each argument without any."""
    paths, broken = [], []
    for argument in arguments:
        try:
            paths += [str(path) for path in audio.find([argument])]
        except VoxJaxError as error:
            broken.append({"path": argument, **_error(argument, error)})
    return paths, broken


def _error(source: Source, error: VoxJaxError) -> Answer:
    return {"error": str(error).removeprefix(f"{source}: ")}
