"""The result of a run in one sentence."""

import pytest

from voxjax.data import splits
from voxjax.evaluation import in_words, known_speakers

EQUAL = {label: {"n": 60} for label in "abcdefgh"}


def figures(**changes):
    return {
        "protocol": "speaker5",
        "corpus": "ravdess",
        "accuracy": 0.766,
        "accuracy_ci": [0.7301, 0.8149],
        "interval_over": "speakers",
        "per_class": EQUAL,
        "per_speaker": dict.fromkeys(range(24), 0.5),
    } | changes


def test_the_sentence_of_a_protocol_by_speaker():
    assert in_words.sentence(figures()) == (
        "Of 100 clips by people that the model was not trained on, about 77 are named right (95 % interval 73 to 81); "
        "guessing among 8 emotions gives 13."
    )


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"protocol": "random5"}, "Of 100 new clips by people that the model was trained on, about"),
        ({"protocol": "random5"}, "gives 13. Expect less on other people."),
        ({"protocol": "corpus"}, "Of 100 clips of ravdess, a corpus that the model was not trained on, about"),
        (
            {"protocol": "corpus", "corpus": "tess+emodb", "trained_on": "tess", "test_corpus": "emodb"},
            "Of 100 clips of emodb, a corpus that",
        ),
        (
            {"protocol": "corpus", "trained_on": "tess+ravdess", "test_corpus": "ravdess"},
            "Of 100 clips of ravdess that the model was not trained on, about",
        ),
        (
            {"protocol": "known_speakers", "known_speakers": 3, "named_speakers": 9},
            "Of 100 new clips, with 3 of 9 speakers that the model was trained on, about",
        ),
        ({"protocol": "all"}, "Of 100 clips by which the model was chosen, about"),
        ({"protocol": "all"}, "Nothing was held out, so this is no result"),
        ({"protocol": "guide"}, "Of 100 clips, copies of which the model was trained on, about"),
        ({"protocol": "guide"}, "This measures nothing."),
        ({"protocol": "speaker5, random5"}, "Of 100 test clips, about"),
        ({"corpus": "demo"}, "Of 100 synthetic clips by people"),
        ({"accuracy": 0.006}, "about 1 is named right"),
        ({"per_speaker": {"a": 1.0, "b": 1.0}}, "(95 % interval 73 to 81, from 2 speakers only)"),
    ],
)
def test_the_sentence_says_what_was_tested(changes, part):
    assert part in in_words.sentence(figures(**changes))


def test_every_protocol_has_words():
    assert set(in_words.PROTOCOLS) == {*splits.PROTOCOLS, known_speakers.NAME}


def test_guessing_counts_only_labels_with_test_clips():
    """A draw among labels of which some can't be right would make chance look lower than it is."""
    rows = {"a": {"n": 50}, "b": {"n": 50}, "never": {"n": 0}}
    assert "guessing among 2 emotions gives 50." in in_words.sentence(figures(per_class=rows))


def test_the_most_frequent_emotion_is_stated_where_it_beats_chance():
    rows = {"calm": {"n": 90}, "sad": {"n": 10}}
    text = in_words.sentence(figures(per_class=rows))
    assert text.endswith("guessing among 2 emotions gives 50, always answering calm gives 90.")
    assert in_words.guessing(figures(per_class=rows)).majority == 0.9


def test_a_single_emotion_is_no_test():
    assert "all are calm, so guessing gives 100." in in_words.sentence(figures(per_class={"calm": {"n": 9}}))
