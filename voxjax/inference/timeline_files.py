"""Timelines of sound files, written to files or as text."""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from voxjax import annotation, interruption, progress
from voxjax.annotation.base import Recordings
from voxjax.audio import io, search
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference import timeline as timelines
from voxjax.inference.enrolment_list import People
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.segments import Span, Timeline
from voxjax.inference.timeline_formats import TimelineFormat
from voxjax.storage import atomic, file_lock
from voxjax.storage.paths import AnyPath, locate
from voxjax.storage.safe_text import readable


@dataclasses.dataclass(frozen=True)
class Given:
    """What a user gives beside the recordings.

    Attributes:
        segments: path of a file of segments that get one answer each; None finds speech.
        tier: of this file, where it has tiers.
        rttm: path of a file that says who speaks when.
    """

    segments: str | None = None
    tier: str = ""
    rttm: str | None = None


class GivenSpans:
    """The spans that a user gives for recordings.

    Args:
        given: their files, read at once.

    Raises:
        UsageError: at both kinds of files, and at a tier without a file.
        VoxJaxError: at a file that can't be read.
    """

    def __init__(self, given: Given) -> None:
        if given.segments and given.rttm:
            raise UsageError(mismatch("timeline", "one of --segments and --rttm", "both", "leave one out"))
        if given.tier and not given.segments:
            raise UsageError(mismatch("--tier", "a file with --segments", "none", "name it, or leave --tier out"))
        self._file = given.segments or given.rttm
        self._are_turns = given.rttm is not None
        self._by_recording: Recordings = annotation.read(self._file, given.tier) if self._file else {}
        self._used: set[int] = set()

    def of(self, path: str) -> tuple[list[Span] | None, list[Span] | None]:
        """Spans and turns of a recording, as `timeline` takes them."""
        if not self._file:
            return None, None
        own = annotation.of_recording(self._by_recording, path)
        self._used.add(id(own))
        return (None, own) if self._are_turns else (own, None)

    def warn_of_unused(self) -> None:
        """Logs the recordings of the file for which nothing was asked."""
        unused = [name for name, own in self._by_recording.items() if id(own) not in self._used]
        if unused:
            text = "%s: segments of %d recordings that are not among the files given, such as '%s', are left out"
            logging.getLogger("voxjax").warning(text, self._file, len(unused), unused[0])


def recordings(arguments: Sequence[str]) -> list[tuple[str, Path]]:
    """The sound files among files and folders, each with its path from the folder that was given.

    Raises:
        VoxJaxError: at a folder without any.
    """
    found: list[tuple[str, Path]] = []
    for argument in arguments:
        folder = Path(argument)
        if not folder.is_dir():
            found.append((argument, Path(folder.name)))
            continue
        searched = search.search(folder)
        search.report(folder, searched.left_out)
        if not searched.files:
            raise VoxJaxError(mismatch(argument, "sound files", "none", "check the path and its permissions"))
        found += [(str(path), Path(path).relative_to(folder)) for path in searched.files]
    return found


def shown(
    predictor: EmotionPredictor,
    paths: Sequence[str],
    options: timelines.Options,
    spans: GivenSpans,
    people: People | None = None,
) -> Iterator[Timeline]:
    """As `made`, with its progress on standard error, in seconds of sound."""
    done: dict[str, int] = {}
    with progress.bar(None, "timeline", "second", brief=True) as stage:

        def report(path: str, seconds: float) -> None:
            before = done.setdefault(path, 0)
            done[path] = max(before, int(seconds))  # a second channel begins at 0 again
            stage.update(done[path] - before)

        yield from made(predictor, paths, options, spans, report, people)


def made(
    predictor: EmotionPredictor,
    paths: Sequence[str],
    options: timelines.Options,
    spans: GivenSpans,
    report: Callable[[str, float], object] = lambda path, seconds: None,
    people: People | None = None,
) -> Iterator[Timeline]:
    """The timeline of each file; one that can't be read has an error.

    Args:
        predictor: the model.
        paths: of the files.
        options: how timelines are made.
        spans: that the user gives.
        report: called with the path and the seconds of it that are done.
        people: whom the model is adapted to.
    """
    for path in paths:
        own, turns = spans.of(path)
        name = readable(path)

        def work(path: str = path, own: list[Span] | None = own, turns: list[Span] | None = turns) -> Timeline:
            return timelines.timeline(predictor, path, options, own, turns, functools.partial(report, path), people)

        found = io.attempt(path, work)
        if isinstance(found, UsageError):
            raise found
        if isinstance(found, VoxJaxError):
            found = timelines.failed(name, predictor, found, own or ())
        yield dataclasses.replace(found, path=name)
    spans.warn_of_unused()


def targets(places: Sequence[tuple[str, Path]], style: TimelineFormat, out: str | None) -> list[AnyPath]:
    """The file for each recording's timeline, in a format that holds one recording a file.

    Args:
        places: as `recordings` gives them.
        style: the format.
        out: a folder, created if missing, the current one by default; or, for one recording, a file with the format's
            suffix.

    Raises:
        UsageError: where two recordings would have the same file.
    """
    if out is not None and len(places) == 1 and Path(out).suffix.lower() == style.suffix.lower():
        return [locate(out)]
    folder = locate(out or ".")
    found: dict[str, AnyPath] = {}
    for _, place in places:
        names = (place.with_suffix(style.suffix), place.with_name(place.name + style.suffix))
        name = next((str(one) for one in names if str(one) not in found), None)
        if name is None:
            found_text = f"two recordings of the name {place}"
            raise UsageError(
                mismatch("--out", "a name for each recording", found_text, "give a folder, or one at a time")
            )
        found[name] = folder / name
    return list(found.values())


def check_target(target: AnyPath, inputs: Sequence[str], overwrite: bool) -> None:
    """Checks that a file may be written.

    Args:
        target: the file.
        inputs: files that are read, which are never replaced.
        overwrite: whether another file may be replaced.

    Raises:
        UsageError: where it may not.
    """
    if not target.exists():
        return
    resolved = {Path(one).resolve() for one in inputs if "://" not in one}
    if isinstance(target, Path) and target.resolve() in resolved:
        raise UsageError(mismatch(str(target), "a new file for the answers", "a file that is read", "name another"))
    if not overwrite:
        do = "name another folder (--out=DIR), or replace it with --overwrite"
        raise UsageError(mismatch(str(target), "no file, as it may be edited by hand", "one", do))


@contextlib.contextmanager
def written_alone(targets: Sequence[AnyPath]) -> Iterator[None]:
    """Keeps out a second command for the same files, by a lock beside the first of them; in a bucket there is none.

    Raises:
        VoxJaxError: if another command is at work on them.
        OSError: if their folder can't be written.
    """
    with contextlib.ExitStack() as held:
        first = targets[0] if targets else None
        if isinstance(first, Path):
            busy = mismatch(str(first), "no other command that writes it", "one at work", "wait until it ends")
            held.enter_context(file_lock.locked_by(first.with_name(f".{first.name[:40]}.lock"), busy))
            held.enter_context(interruption.ending_with("run it again, with --overwrite for files that are there"))
        yield


def write(target: AnyPath, style: TimelineFormat, found: Sequence[Timeline]) -> None:
    """Writes timelines to a file."""
    atomic.write(target, style.write(found))
