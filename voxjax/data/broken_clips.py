"""What clips that can't be used do to a command: one policy for all of them."""

import logging
from collections.abc import Iterable, Sequence

from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError, mismatch

# stop: an error; skip: left out with a warning, but losing all clips of a label or a speaker is an error;
# skip_all: left out with a warning, whole labels and speakers too.
POLICIES = ("stop", "skip", "skip_all")
HELP = (
    "What clips that can't be read do: stop ends with an error; skip leaves them out, but losing a whole label or "
    "speaker is an error; skip_all allows that too."
)

_LISTED = 3  # reasons or names in a message


def handle(reasons: Sequence[str], policy: str) -> None:
    """Raises or warns about broken clips.

    Args:
        reasons: one per clip, each with its path.
        policy: a name in `POLICIES`.

    Raises:
        VoxJaxError: if there are any and the policy is "stop".
    """
    if reasons and policy == "stop":
        found = f"{len(reasons)} that are not: {'; '.join(reasons[:_LISTED])}"
        do = "repair or remove them (voxjax inspect lists all), or leave them out with broken_clips=skip"
        raise VoxJaxError(mismatch("corpus", "clips that can be used", found, do))
    if reasons:
        first = "; ".join(reasons[:_LISTED])
        logging.getLogger("voxjax").warning("%d broken clips skipped, as %s", len(reasons), first)


def check_nothing_vanished(before: Manifest, after: Manifest, policy: str) -> None:
    """Checks that skipping broken clips left some of each label and of each known speaker.

    Args:
        before: all clips.
        after: those that can be used.
        policy: a name in `POLICIES`; "skip_all" allows all but an empty corpus.

    Raises:
        VoxJaxError: with the labels and speakers that have no clip left.
    """
    if len(before) and not len(after):
        do = "voxjax inspect lists the reason for each"
        raise VoxJaxError(mismatch("corpus", "clips that can be used", f"none: all {len(before)} are broken", do))
    lost = [f"label '{name}'" for name in _missing(before.labels, after.labels)]
    known, left = ([clip.speaker for clip in one.clips if clip.has_known_speaker] for one in (before, after))
    lost += [f"speaker '{name}'" for name in _missing(sorted(set(known)), left)]
    if lost:
        names = ", ".join(lost[:_LISTED]) + (f" and {len(lost) - _LISTED} more" if len(lost) > _LISTED else "")
        if policy != "skip_all":
            do = "repair them, or allow it with broken_clips=skip_all"
            raise VoxJaxError(mismatch("corpus", "usable clips of each label and speaker", f"none of {names}", do))
        logging.getLogger("voxjax").warning("no usable clips of %s", names)


def note(count: int) -> str:
    """What a report says about clips that were left out."""
    return f"{count} clips that can't be read are left out."


def _missing(before: Iterable[str], after: Iterable[str]) -> list[str]:
    left = set(after)
    return [name for name in before if name not in left]
