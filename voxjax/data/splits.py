"""Training, validation and test clips of each protocol and fold."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from sklearn.model_selection import StratifiedKFold, train_test_split

from voxjax.config import in_range, one_of
from voxjax.data.manifest import Clip, Manifest, duplicates
from voxjax.errors import VoxJaxError, mismatch

# Actors of each test fold of RAVDESS: Luna-Jimenez et al. 2021/2022, and EmoBox (Ma et al. 2024).
SPEAKER5 = ((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22))
SPEAKER6 = (
    (1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22),
)  # fmt: skip

Indices = Int[np.ndarray, "_"]  # of clips in a manifest

PAIRS = (("train", "valid"), ("train", "test"), ("valid", "test"))

_FEWEST_LEFT_OUT = 3  # speakers: one to test, one to validate, one to train on
_FEWEST_SPEAKERS = 4  # with fewer, validation by speaker costs too many training clips


@dataclasses.dataclass(frozen=True)
class Split:
    """Sorted indices into the manifest, int64."""

    train: Indices
    valid: Indices
    test: Indices
    protocol: str
    fold: int


class Trait(NamedTuple):
    """A property of clips that two subsets must not have in common."""

    name: str
    value: Callable[[Clip], str]
    pairs: tuple[tuple[str, str], ...]  # the subsets that it separates


class Protocol(NamedTuple):
    """How a corpus is divided into folds and subsets."""

    folds: int | None  # None: one per speaker, as `fold_count` says
    partition: Callable[[Manifest, int], tuple[Indices, Indices]]  # test clips and the remaining ones
    validation: Callable[[Manifest, Indices, float, int], Indices]  # drawn from the remaining clips
    separated: tuple[Trait, ...]  # in addition to clips and audio
    pairs: tuple[tuple[str, str], ...] = PAIRS  # subsets that must not share a clip


def random5(manifest: Manifest) -> Int[np.ndarray, " clips"]:
    """Five stratified folds over files, shuffled with seed 0: the same speakers in all subsets.

    A label of 2 to 4 clips is tested in as many folds.
    """
    fewest = int(np.bincount(manifest.targets).min())
    if fewest < 2 or len(manifest) < 5:
        label = manifest.labels[int(np.bincount(manifest.targets).argmin())]
        found = f"{fewest} of '{label}', {len(manifest)} in all"
        do = "add clips or leave the label out"
        raise VoxJaxError(mismatch("protocol random5", "at least 2 clips of each label, 5 in all", found, do))
    folds = np.zeros(len(manifest), int)
    if fewest < 5:
        order = np.random.default_rng(0).permutation(len(manifest))
        folds[order[np.argsort(manifest.targets[order], kind="stable")]] = np.arange(len(manifest)) % 5
    else:
        splitter = StratifiedKFold(5, shuffle=True, random_state=0)
        for fold, (_, test) in enumerate(splitter.split(folds, manifest.targets)):
            folds[test] = fold
    for group in duplicates(manifest.clips):  # one recording stays in one subset
        folds[group] = folds[group[0]]
    return folds


def by_speaker(actors: Sequence[Sequence[int]]) -> Callable[[Manifest], np.ndarray]:
    """Speaker-independent folds: RAVDESS's published ones; all other speakers are distributed over the folds.

    Speakers outside the published folds are sorted by gender and name and assigned to the folds in turn, so that the
    folds have similar numbers of each gender.
    """
    published = {f"Actor_{actor:02d}": fold for fold, group in enumerate(actors) for actor in group}

    def test(manifest: Manifest) -> Int[np.ndarray, " clips"]:
        people = _people(manifest, np.arange(len(manifest)))
        if len(people) < len(actors) or not all(clip.has_known_speaker for clip in manifest.clips):
            found = f"{len(people)}: " + ", ".join(speaker for _, _, speaker in list(people.values())[:4])
            do = "give speakers by subfolders LABEL/SPEAKER/, or use --config.protocol=random5"
            raise VoxJaxError(mismatch("protocol by speaker", f"at least {len(actors)} known speakers", found, do))
        actors_of_ravdess = {clip.voice for clip in manifest.clips if clip.corpus == "ravdess"}
        folds: dict[str, int] = {}
        assigned = 0
        for voice, (_, _, speaker) in people.items():
            name = speaker.rpartition("/")[2]
            if voice in actors_of_ravdess and name in published:
                folds[voice] = published[name]
            else:
                folds[voice] = assigned % len(actors)
                assigned += 1
        return np.array([folds[clip.voice] for clip in manifest.clips])

    return test


def speaker_statement(manifest: Manifest, fold: int) -> tuple[Indices, Indices]:
    """Fold `2 s + t` tests on speakers of `speaker5`'s fold `s` with half `t` of the sentences.

    It trains on the remaining speakers with the other half. Clips that have only the speaker or only the sentence in
    common with the test subset are left out.
    """
    statements = sorted({clip.statement for clip in manifest.clips})
    if len(statements) < 2 or "" in statements:
        found = ", ".join(statement or "none" for statement in statements[:4])
        do = "use --config.protocol=speaker5"
        raise VoxJaxError(mismatch("protocol speaker_statement", "a statement for each clip, two or more", found, do))
    half = {statement: i * 2 // len(statements) for i, statement in enumerate(statements)}
    halves = np.array([half[clip.statement] for clip in manifest.clips])
    tested = by_speaker(SPEAKER5)(manifest) == fold // 2
    return np.flatnonzero(tested & (halves == fold % 2)), np.flatnonzero(~tested & (halves != fold % 2))


def across_corpora(manifest: Manifest, fold: int) -> tuple[Indices, Indices]:
    """Tests on the last corpus of the manifest and trains on the remaining ones."""
    del fold
    last = np.array([clip.corpus == manifest.clips[-1].corpus for clip in manifest.clips])
    if last.all():
        do = "name another corpus with --config.test_corpus"
        raise VoxJaxError(mismatch("protocol corpus", "at least two corpora", manifest.clips[-1].corpus, do))
    return np.flatnonzero(last), np.flatnonzero(~last)


def one_speaker(manifest: Manifest, fold: int, fewest: int = _FEWEST_LEFT_OUT) -> tuple[Indices, Indices]:
    """Tests on one speaker, in sorted order, and trains on all the others."""
    voices = list(_people(manifest, np.arange(len(manifest))))
    known = all(clip.has_known_speaker for clip in manifest.clips)
    if len(voices) < fewest or not known:
        found = f"{len(voices)}" if known else "clips of unknown speakers"
        do = "give speakers by subfolders LABEL/SPEAKER/, or use --config.protocol=random5"
        raise VoxJaxError(mismatch("protocol loso", f"at least {fewest} known speakers", found, do))
    test = np.array([clip.voice == voices[fold] for clip in manifest.clips])
    return np.flatnonzero(test), np.flatnonzero(~test)


def one_of_few_speakers(manifest: Manifest, fold: int) -> tuple[Indices, Indices]:
    """As `one_speaker`, from two speakers on: no speaker is needed for validation."""
    return one_speaker(manifest, fold, fewest=2)


def fold_count(manifest: Manifest, protocol: str) -> int:
    """The number of folds of a protocol for these clips."""
    folds = PROTOCOLS[protocol].folds
    return len({clip.voice for clip in manifest.clips}) if folds is None else folds


def everything(manifest: Manifest, fold: int) -> tuple[Indices, Indices]:
    """No test clips: for a final model, when its configuration was tested under another protocol."""
    del fold
    return np.zeros(0, np.int64), np.arange(len(manifest))


def _by_fold(folds: Callable[[Manifest], np.ndarray]) -> Callable[[Manifest, int], tuple[Indices, Indices]]:
    """A partition in which each clip is a test clip of exactly one fold."""

    def partition(manifest: Manifest, fold: int) -> tuple[Indices, Indices]:
        test = folds(manifest) == fold
        return np.flatnonzero(test), np.flatnonzero(~test)

    return partition


def check_possible(
    manifest: Manifest, protocol: str, folds: Sequence[int] | None, valid_fraction: float, seed: int
) -> None:
    """Checks that a protocol can divide these clips, which need not be decoded yet.

    Args:
        folds: the folds that are needed; None for all of them.
        manifest, protocol, valid_fraction, seed: as for `split`.

    Raises:
        UsageError, VoxJaxError: as `split`.
    """
    one_of("config.protocol", protocol, PROTOCOLS)
    count = fold_count(manifest, protocol)
    for fold in range(count) if folds is None else folds:
        in_range("config.fold", fold, 0, count - 1)
        if protocol != "guide":  # divides copies, which are made later
            split(manifest, protocol, fold, valid_fraction, seed)


def split(manifest: Manifest, protocol: str, fold: int, valid_fraction: float, seed: int) -> Split:
    """One fold of a protocol, with validation clips drawn from the clips that are not tested on.

    In a protocol without test clips the validation clips are reported as test clips: that shows whether training
    worked, but does not measure accuracy.

    Args:
        manifest: the corpus.
        protocol: a name in `PROTOCOLS`.
        fold: from 0.
        valid_fraction: fraction of the remaining clips for validation: clips, stratified by emotion, or all clips of
            some speakers, where the protocol is by speaker.
        seed: draws the validation clips; the test clips do not depend on it.

    Raises:
        UsageError: at an unknown protocol or fold.
        VoxJaxError: at too few clips or speakers.
    """
    one_of("config.protocol", protocol, PROTOCOLS)
    rule = PROTOCOLS[protocol]
    folds = fold_count(manifest, protocol)
    in_range("config.fold", fold, 0, folds - 1)
    test, rest = rule.partition(manifest, fold)
    if not len(test) and rule.partition is not everything:
        with_clips = [str(i) for i in range(folds) if len(rule.partition(manifest, i)[0])]
        do = f"take a fold that has some ({', '.join(with_clips)}), or another --config.protocol"
        what = f"protocol {protocol}, fold {fold}"
        raise VoxJaxError(mismatch(what, "clips or speakers to test on", "none of this corpus", do))
    valid = rule.validation(manifest, rest, valid_fraction, seed)
    return Split(np.setdiff1d(rest, valid), valid, test if len(test) else valid, protocol, fold)


def _valid_clips(manifest: Manifest, rest: Indices, fraction: float, seed: int) -> Indices:
    """Sorted indices of a stratified fraction of the clips; of duplicates none or all. A label's only clip stays."""
    names, counts = np.unique(manifest.targets[rest], return_counts=True)
    if counts.max() < 2:
        found = f"1 of '{manifest.labels[int(names[0])]}'"
        raise VoxJaxError(mismatch("training clips", "at least 2 of a label, one for validation", found, "add clips"))
    several = rest[np.isin(manifest.targets[rest], names[counts > 1])]  # the only clip of a label is trained on
    labels, fewest = manifest.targets[several], int(np.sum(counts > 1))
    size = min(max(fewest, round(fraction * len(rest))), len(several) - fewest)
    _, valid = train_test_split(several, test_size=size, stratify=labels, random_state=seed)
    chosen = set(valid.tolist())
    for group in duplicates(manifest.clips):
        if group[0] in chosen:
            chosen |= set(group) & set(rest.tolist())
        else:
            chosen -= set(group)
    return np.array(sorted(chosen), np.int64)


def _valid_speakers(manifest: Manifest, rest: Indices, fraction: float, seed: int) -> Indices:
    """Sorted indices of all clips of some speakers, of each gender in turn."""
    random = np.random.default_rng(seed)
    people = [(voice, gender) for voice, (gender, _, _) in _people(manifest, rest).items()]
    count = max(1, round(fraction * len(people)))
    groups = [[v for v, g in people if g == gender] for gender in sorted({g for _, g in people})]
    queues = [list(random.permutation(group)) for group in groups]
    order = [queue[i] for i in range(len(people)) for queue in queues if i < len(queue)]
    chosen = set(order[:count])
    return np.array([i for i in rest if manifest.clips[i].voice in chosen], np.int64)


def _people(manifest: Manifest, indices: Indices) -> dict[str, tuple[str, str, str]]:
    """Gender, corpus and name of each person among these clips, sorted by them; a person is one in all corpora."""
    found: dict[str, tuple[str, str, str]] = {}
    for clip in (manifest.clips[i] for i in indices):
        row = (clip.gender, clip.corpus, clip.speaker)
        found[clip.voice] = min(row, found.setdefault(clip.voice, row))
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _valid_either(manifest: Manifest, rest: Indices, fraction: float, seed: int) -> Indices:
    """Validation by speakers where there are enough known ones, else by clips."""
    clips = [manifest.clips[i] for i in rest]
    people = {clip.voice for clip in clips}
    enough = len(people) >= _FEWEST_SPEAKERS and all(clip.has_known_speaker for clip in clips)
    return (_valid_speakers if enough else _valid_clips)(manifest, rest, fraction, seed)


_SPEAKER = Trait("speaker", lambda clip: clip.voice, PAIRS)
_TESTED_SPEAKER = Trait("speaker", lambda clip: clip.voice, PAIRS[1:])
_STATEMENT = Trait("statement", lambda clip: clip.statement, PAIRS[1:])
_CORPUS = Trait("corpus", lambda clip: clip.corpus, PAIRS[1:])

PROTOCOLS = {
    "random5": Protocol(5, _by_fold(random5), _valid_clips, ()),
    "guide": Protocol(5, _by_fold(random5), _valid_clips, ()),  # splits copies as clips: the guide's leak, to show it
    "speaker5": Protocol(5, _by_fold(by_speaker(SPEAKER5)), _valid_speakers, (_SPEAKER,)),
    "speaker6": Protocol(6, _by_fold(by_speaker(SPEAKER6)), _valid_speakers, (_SPEAKER,)),
    "speaker_statement": Protocol(10, speaker_statement, _valid_speakers, (_SPEAKER, _STATEMENT)),
    "corpus": Protocol(1, across_corpora, _valid_either, (_CORPUS,)),
    # As `corpus`; the test clips, without labels, give the statistics of their features (`adaptation_curve`).
    "adapted": Protocol(1, across_corpora, _valid_either, (_CORPUS,)),
    "loso": Protocol(None, one_speaker, _valid_speakers, (_SPEAKER,)),
    "loso:clips": Protocol(None, one_of_few_speakers, _valid_clips, (_TESTED_SPEAKER,)),  # few: none left to validate
    # As `speaker5` and `loso`; further clips of the test speaker, without labels, are known (`enrolment_draws`).
    "enrolled": Protocol(5, _by_fold(by_speaker(SPEAKER5)), _valid_speakers, (_SPEAKER,)),
    "enrolled:loso": Protocol(None, one_speaker, _valid_speakers, (_SPEAKER,)),
    "all": Protocol(1, everything, _valid_either, (), PAIRS[:2]),
}
ACROSS = ("corpus", "adapted")  # need a corpus to test on
