"""Predictions for files, folders and lists as lines, in any of the formats."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from voxjax.data import broken_clips
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference import enrolment_list, source_list
from voxjax.inference.enrolment_list import People
from voxjax.inference.formats import Answer, Format, Layout
from voxjax.inference.predictor import EmotionPredictor, Source
from voxjax.inference.source_list import Entry
from voxjax.storage.safe_text import readable

_WIDEST = 72  # longest path, in characters, for which columns are aligned

# What a file that can't be read does: mark gives its error in place of an answer; stop and skip as in
# `data.broken_clips`.
POLICIES = ("mark", "stop", "skip")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is predicted, and how answers are written."""

    arguments: Sequence[str]  # as for `source_list.find`
    style: Format
    modality_inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)  # of the one clip, as of `predict`
    broken_clips: str = "mark"  # a name in `POLICIES`
    raw_cells: bool = False  # leaves cells that a spreadsheet would evaluate as they are
    lists: Sequence[str] = ()  # as for `source_list.find`
    adapt: enrolment_list.Choice | None = None  # as for `enrolment_list.enrol`


@dataclasses.dataclass(frozen=True)
class Plan:
    """A request with all that it asks for, in the order of the answers."""

    request: Request
    layout: Layout
    entries: Sequence[Entry]
    people: People | None = None  # whom the model is adapted to


class Block(NamedTuple):
    """Lines that belong together, as their answers are computed together."""

    lines: list[str]  # without line ends
    answered: int  # entries of the plan that are answered with these lines
    failures: list[str]  # path and error of those that could not be


def plan(predictor: EmotionPredictor, request: Request) -> Plan:
    """Finds the sounds of a request.

    Raises:
        UsageError: at modality inputs with several sound files.
        VoxJaxError: at a list that can't be read, and as `enrolment_list.enrol`.
    """
    found = source_list.find(request.arguments, request.lists)
    entries = found.entries
    if request.modality_inputs and len(entries) > 1:
        do = "text, face and physiology belong to one clip: predict one at a time"
        raise UsageError(mismatch("other modalities", "one sound file at most", f"{len(entries)} sound files", do))
    if request.modality_inputs and not request.arguments:
        entries = [Entry("-", "", {})]
    width = min(_WIDEST, max((len(readable(entry.name)) for entry in entries), default=0))
    people = None if request.adapt is None else enrolment_list.enrol(predictor, request.adapt)
    return Plan(request, Layout(predictor.labels, width, request.raw_cells, found.columns), entries, people)


def blocks(predictor: EmotionPredictor, wanted: Plan, start: int = 0) -> Iterator[Block]:
    """The lines of all answers, as soon as they are known; a file that can't be read gives its error.

    Args:
        predictor: the model.
        wanted: what is predicted.
        start: entries that are answered already, as many as whole blocks have answered: all further blocks are those
            of a call from the start. The first block, the header, is left out then.

    Raises:
        VoxJaxError: at a file that can't be read, if the policy is "stop".
    """
    if not start:
        yield Block(list(wanted.request.style.header(wanted.layout)), 0, [])
    for chunk in answers(predictor, wanted, start):
        rows = [wanted.request.style.row(wanted.layout, one) for one in kept(wanted, chunk)]
        yield Block(rows, len(chunk), failed(chunk))


def answers(
    predictor: EmotionPredictor, wanted: Plan, start: int = 0, embeddings: bool = False
) -> Iterator[list[Answer]]:
    """Answers to the entries from `start`, in the groups in which they are computed; arguments as for `blocks`.

    Args:
        predictor, wanted, start: as for `blocks`.
        embeddings: whether each has the model's vector of the clip.

    Raises:
        VoxJaxError: at a file that can't be read, if the policy is "stop".
    """
    entries = wanted.entries[start:]
    runs = wanted.people.runs(entries) if wanted.people else [(predictor, entries)]
    for own_predictor, run in runs:
        done = 0
        sources: list[str | None] = [entry.path or None for entry in run]
        inputs = [wanted.request.modality_inputs] if wanted.request.modality_inputs and sources else None
        for chunk in own_predictor.predict_chunks(sources, _error, inputs, embeddings):
            own = run[done : done + len(chunk)]
            done += len(chunk)
            joined = [_joined(entry, answer) for entry, answer in zip(own, chunk, strict=True)]
            if wanted.people and own_predictor is wanted.people.strangers:
                _mark_strangers(joined)
            if wanted.request.broken_clips == "stop" and (failures := failed(joined)):
                raise VoxJaxError(failures[0])
            yield joined


def failed(answered: Sequence[Answer]) -> list[str]:
    """Path and error of the answers that are errors."""
    return [f"{one['path']}: {one['error']}" for one in answered if "error" in one]


def kept(wanted: Plan, answered: Sequence[Answer]) -> list[Answer]:
    """The answers that are written under the policy for broken clips."""
    return [one for one in answered if "error" not in one or wanted.request.broken_clips == "mark"]


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
        UsageError, VoxJaxError: as `plan` and `blocks`; if the policy is "skip" and no file can be read.
    """
    wanted = plan(predictor, request)
    failures: list[str] = []
    for block in blocks(predictor, wanted):
        failures += block.failures
        yield from block.lines
    report(count_failures(wanted, failures, len(failures)), len(wanted.entries))


def count_failures(wanted: Plan, failures: Sequence[str], count: int) -> int:
    """The number of failures at the end of a call; skipped files give a warning and are none.

    Args:
        wanted: what was predicted.
        failures: path and error of those of this call.
        count: of them and those of earlier calls.

    Raises:
        VoxJaxError: if the policy is "skip" and no file can be read.
    """
    if wanted.request.broken_clips != "skip":
        return count
    if count and count == len(wanted.entries):
        none = mismatch("the sound files", "some that can be read", "none", "give others")
        raise VoxJaxError(next(iter(failures), none))
    broken_clips.handle(failures, "skip")
    return 0


def _mark_strangers(answered: Sequence[Answer]) -> None:
    """Adds a warning to the answers to people who are not enrolled."""
    for one in answered:
        if "warnings" in one:
            one["warnings"] = [*one["warnings"], enrolment_list.STRANGER]


def _joined(entry: Entry, answer: Answer) -> Answer:
    """The answer with its path first and the user's own columns last."""
    own = entry.answer
    return {"path": own["path"], **({"error": entry.error} if entry.error else answer), **own}


def _error(source: Source, error: VoxJaxError) -> Answer:
    return {"error": readable(str(error).removeprefix(f"{source}: "))}
