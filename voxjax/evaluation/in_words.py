"""The result of a run as one plain sentence: of 100 clips, how many are named right, and how many by guessing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from voxjax.data.corpora import GENERATED
from voxjax.evaluation.figure_warnings import FEWEST_SPEAKERS


class ProtocolWords(NamedTuple):
    """What a protocol means, in words."""

    clips: str  # that are tested; `{}` is replaced by a field of `metrics.json`
    how: str  # the clips were divided
    limit: str = ""  # a sentence on what the figure does not show
    tested_on: str = ""  # the tested clips from a model's point of view, after "in a test on"


_NEW_PEOPLE = "clips by people that the model was not trained on"


def _by_speaker(how: str) -> ProtocolWords:
    """The words of a protocol that tests people who were not in training."""
    return ProtocolWords(_NEW_PEOPLE, how, tested_on="people who were not in training")


PROTOCOLS = {
    "random5": ProtocolWords(
        "new clips by people that the model was trained on",
        "stratified 5-fold over clips; training and test clips come from the same speakers",
        "Expect less on other people.",
        "other clips of people who were in training (expect less for other people)",
    ),
    "speaker5": _by_speaker("five folds of speakers; no test speaker is in the training data"),
    "speaker6": _by_speaker("six folds of speakers; no test speaker is in the training data"),
    "loso": _by_speaker("one speaker tested, all the others in the training data"),
    "loso:clips": _by_speaker(
        "one speaker tested, all the others in the training data, with some of their clips to validate"
    ),
    "enrolled": _by_speaker(
        "as speaker5, and clips of the test speakers, without labels, are known; those are not tested"
    ),
    "enrolled:loso": _by_speaker(
        "as loso, and clips of the test speakers, without labels, are known; those are not tested"
    ),
    "all": ProtocolWords(
        "clips by which the model was chosen",
        "trained on all clips but the validation clips, on which these figures are measured",
        "Nothing was held out, so this is no result: expect less on any other clip.",
        "clips that its confidence was fitted on (which only shows that training worked)",
    ),
    "speaker_statement": ProtocolWords(
        "clips by people, and of sentences, that the model was not trained on",
        "neither the test speakers nor their sentences are in the training data",
        tested_on="people and sentences that were not in training",
    ),
    "corpus": ProtocolWords(
        "clips of {test_corpus}, a corpus that the model was not trained on",
        "trained on some corpora, tested on another",
        tested_on="another corpus",
    ),
    "adapted": ProtocolWords(
        "clips of {test_corpus}, a corpus that the model was not trained on but adapted to without labels",
        "trained on some corpora, tested on another, whose clips, without labels, give the statistics of the features",
        "Expect less where there are no such clips to adapt to.",
        "another corpus, whose clips it was adapted to without labels",
    ),
    "known_speakers": ProtocolWords(
        "new clips, with {known_speakers} of {named_speakers} speakers that the model was trained on",
        "tested on new clips of people that the model was trained on, among others",
        "Expect less on other people.",
    ),
    "guide": ProtocolWords(
        "clips, copies of which the model was trained on",
        "augmented first, then split at random: it leaks, and its figures measure nothing",
        "This measures nothing.",
        "copies of its own training clips (so that the figure is too high)",
    ),
}
_UNKNOWN = ProtocolWords("test clips", "")
# What follows the name of a protocol where a trained model was adapted before it was evaluated.
_AFTER = {
    "adapted": (", in recordings to which it was adapted", "; the model was adapted to a corpus"),
    "enrolled": (", by speakers to whom it was adapted", "; the model was adapted to speakers"),
}


class Guessing(NamedTuple):
    """What an answer without listening has, as fractions of the test clips."""

    labels: int  # that were tested
    chance: float  # accuracy and UAR of a draw among them
    majority: float  # accuracy of always answering the most frequent one
    most_frequent: str


def guessing(figures: Mapping[str, Any]) -> Guessing:
    """Chance levels of the test clips. Labels without test clips are not guessed, so that chance is not understated.

    Args:
        figures: the content of `metrics.json`.
    """
    counts = {label: row["n"] for label, row in figures["per_class"].items() if row["n"]}
    label = max(counts, key=counts.__getitem__)
    return Guessing(len(counts), 1 / len(counts), counts[label] / sum(counts.values()), label)


def protocol_words(figures: Mapping[str, Any]) -> ProtocolWords:
    """What the protocol of a run means; several that were joined, or a foreign one, have the words of none."""
    name, _, after = figures["protocol"].partition("+")
    words = PROTOCOLS[name] if name in PROTOCOLS and after in ("", *_AFTER) else _UNKNOWN
    values = {"test_corpus": figures["corpus"]} | {key: figures[key] for key in _FIELDS if key in figures}
    clips = words.clips.format(**values) if "known_speakers" in values or "{known" not in words.clips else "new clips"
    if name == "corpus" and _is_known(figures):
        clips = f"clips of {values['test_corpus']} that the model was not trained on"
    if name == "adapted" and _is_known(figures):
        clips = f"clips of {values['test_corpus']} that the model was not trained on but adapted to without labels"
    more = _AFTER[after] if after in _AFTER else ("", "")
    return words._replace(clips=clips + more[0], how=words.how + more[1])


_FIELDS = ("test_corpus", "known_speakers", "named_speakers")


def _is_known(figures: Mapping[str, Any]) -> bool:
    """Whether other clips of a tested corpus were trained on."""
    if "trained_on" not in figures or "test_corpus" not in figures:
        return False
    return bool({*figures["trained_on"].split("+")} & {*figures["test_corpus"].split("+")})


def sentence(figures: Mapping[str, Any]) -> str:
    """Such as "Of 100 clips by people that the model was not trained on, about 77 are named right (95 % interval
    73 to 81); guessing among 8 emotions gives 13."

    Args:
        figures: the content of `metrics.json`.
    """
    words = protocol_words(figures)
    synthetic = "synthetic " if {*figures["corpus"].split("+")} & {*GENERATED} else ""
    low, high = (_of_100(end) for end in figures["accuracy_ci"])
    right = _of_100(figures["accuracy"])
    found = f"Of 100 {synthetic}{words.clips}, about {right} {'is' if right == 1 else 'are'} named right"
    found += f" (95 % interval {low} to {high}{_few(figures)}); {_guess(guessing(figures))}."
    return f"{found} {words.limit}".rstrip()


def _few(figures: Mapping[str, Any]) -> str:
    """What limits the interval, where it rests on few speakers."""
    speakers = len(figures["per_speaker"]) if "per_speaker" in figures else FEWEST_SPEAKERS
    few = figures["interval_over"] == "speakers" and speakers < FEWEST_SPEAKERS
    return f", from {speakers} speaker{'' if speakers == 1 else 's'} only" if few else ""


def _guess(guess: Guessing) -> str:
    if guess.labels == 1:
        return f"all are {guess.most_frequent}, so guessing gives 100"
    chance, majority = _of_100(guess.chance), _of_100(guess.majority)
    text = f"guessing among {guess.labels} emotions gives {chance}"
    return text + (f", always answering {guess.most_frequent} gives {majority}" if majority > chance + 1 else "")


def _of_100(fraction: float) -> int:
    return int(100 * fraction + 0.5)
