"""A model that is evaluated after it was adapted: to people or recordings that are known, or to the tested clips."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voxjax.data.manifest import Manifest
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference import enrolment_list
from voxjax.inference.enrolment_list import ADAPT, ANYONE, People
from voxjax.inference.predictor import EmotionPredictor

# What a protocol is named after adaptation; figures of different protocols are never compared.
_SUFFIX = {"speaker": "+enrolled", "corpus": "+adapted"}
_STATISTICS = {
    "speaker": "Adapted to speakers: the mean of each feature is moved to that of",
    "corpus": "Adapted to the corpus: the mean and the deviation of each feature are moved to those of",
}
_TESTED = {
    "speaker": "all the tested clips of the speaker, the answered one among them, without their labels",
    "corpus": "all {clips} tested clips themselves, without their labels",
}
_TOGETHER = "(transductive): the figures are of recordings that are answered together, and not of single new ones."


class Adaptation(NamedTuple):
    """A model that was adapted, and the clips that may be tested."""

    people: People  # known by the speaker's name in the manifest
    manifest: Manifest  # without the clips that adapted it beforehand
    kept: np.ndarray  # int [n], their places in the manifest before
    fields: dict[str, Any]  # `adaptation` of `metrics.json`

    def predictors(self) -> list[EmotionPredictor]:
        """The predictor for each clip."""
        return [self.people.of_speaker(clip.speaker) for clip in self.manifest.clips]


def of(predictor: EmotionPredictor, manifest: Manifest, adapt: str | None, enrol: str | None) -> Adaptation | None:
    """A model adapted to clips beforehand, or to the tested clips without their labels; None for the model as it is.

    Args:
        predictor: the model.
        manifest: the clips that are tested, decoded.
        adapt: a name in `ADAPT`; None is "speaker" with `enrol`, else nothing.
        enrol: as for `enrolment_list.enrol`. Such clips are not tested. None adapts to the tested clips.

    Raises:
        UsageError: at tested clips of unknown speakers, where these are adapted to.
        VoxJaxError: at a clip that can't be used, a model that can't be adapted, and where no clip is left to test.
    """
    if adapt is None and enrol is None:
        return None
    by = adapt or ADAPT[0]
    known = enrol is not None
    wanted = None if enrol is None else enrolment_list.Choice(by, enrol)
    people = _to_tested(predictor, manifest, by) if wanted is None else enrolment_list.enrol(predictor, wanted)
    made = [one.enrolment for one in people.known.values() if one.enrolment]
    hashes = frozenset[str]().union(*(one.hashes for one in made))
    kept = np.array(
        [i for i, clip in enumerate(manifest.clips) if not known or clip.audio_hash not in hashes], np.int64
    )
    if not len(kept):
        do = "enrol others; without --enrol the model is adapted to the tested clips themselves"
        raise VoxJaxError(mismatch("--enrol", "clips that are not all that is tested", f"all {len(manifest)}", do))
    left = manifest.select(kept)
    strangers = sum(people.of_speaker(clip.speaker) is people.strangers for clip in left.clips)
    labelled = any(one.labelled for one in made)
    note = _note(by, enrol, len(hashes), labelled, strangers) if known else _transductive_note(by, len(left))
    fields = {
        "adapt": by,
        "clips": len(hashes),
        "known_beforehand": known,
        "labelled": labelled,
        "note": note,
        "warnings": people.about(people.known),
    }
    return Adaptation(people, left, kept, fields)


def protocol(name: str, adapt: str) -> str:
    """The protocol of a report on an adapted model.

    Args:
        name: of the model as it is.
        adapt: a name in `ADAPT`.
    """
    return "adapted" if (name, adapt) == ("corpus", "corpus") else name + _SUFFIX[adapt]


def check_robustness(adaptation: Adaptation | None) -> None:
    """Checks that one predictor answers all clips, as tests under corruptions need.

    Raises:
        UsageError: where each speaker has one.
    """
    if adaptation is not None and ANYONE not in adaptation.people.known:
        do = "leave one of them out, or add --adapt=corpus"
        raise UsageError(mismatch("--robustness", "one model for all clips", "one adapted to each speaker", do))


def _to_tested(predictor: EmotionPredictor, manifest: Manifest, by: str) -> People:
    """A model adapted to the clips that it is tested on."""
    paths: dict[str, list[Path]] = {}
    for clip in manifest.clips:
        if by == "speaker" and not clip.has_known_speaker:
            do = "give speakers by subfolders LABEL/SPEAKER/, or use --adapt=corpus"
            raise UsageError(mismatch("--adapt=speaker", "a speaker for each clip", f"none of {clip.path}", do))
        paths.setdefault(clip.speaker if by == "speaker" else ANYONE, []).append(manifest.root / clip.path)
    if by == "corpus":
        return People(predictor, {ANYONE: predictor.adapted(paths[ANYONE])})
    return People(predictor, {name: predictor.enrolled(own) for name, own in paths.items()})


def _note(by: str, enrol: str | None, clips: int, labelled: bool, strangers: int) -> str:
    labels = "with" if labelled else "without"
    text = f"{_STATISTICS[by]} {clips} clips of {enrol}, {labels} their labels, none of which is tested."
    return text + (f" {strangers} tested clips are of speakers who are not enrolled." if strangers else "")


def _transductive_note(by: str, clips: int) -> str:
    return f"{_STATISTICS[by]} {_TESTED[by].format(clips=clips)} {_TOGETHER}"
