"""Label sets: emotions renamed or left out by tables, with counts of both."""

import numpy as np
import pytest

from voxjax import labels
from voxjax.data import labelling
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import UsageError, VoxJaxError


def made(**emotions):
    """`corpus=[emotion or (emotion, votes), …]`."""
    clips = []
    for corpus, found in emotions.items():
        for i, one in enumerate(found):
            emotion, votes = one if isinstance(one, tuple) else (one, "")
            clips.append(Clip(f"{corpus}/{i}", corpus, f"p{i}", "", emotion, "", "", "", f"{corpus}{i}", votes))
    return Manifest(None, tuple(clips))


def chosen(manifest, sets="own", truth="intended"):
    found = labelling.relabelled(manifest, labelling.Choice(sets, truth))
    return [clip.emotion for clip in found.clips], found.notes


MIXED = ("calm", "neutral", "happy", "boredom", "surprised", "excited", "fearful", "sad")


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ("own", list(MIXED)),
        ("four", ["neutral", "neutral", "happy", "happy", "sad"]),
        ("six", ["neutral", "neutral", "happy", "happy", "fearful", "sad"]),
        ("seven", ["neutral", "neutral", "happy", "surprised", "happy", "fearful", "sad"]),
        ("eight", ["calm", "neutral", "happy", "surprised", "happy", "fearful", "sad"]),
    ],
)
def test_shared_sets(sets, expected):
    found, notes = chosen(made(a=MIXED), sets)
    assert found == expected
    if sets == "seven":
        assert notes == (
            "Labels 'seven', renamed: calm to neutral (1), excited to happy (1).",
            "Labels 'seven', left out: boredom (1).",
        )


def test_every_set_has_as_many_labels_as_its_name_says():
    sizes = {name: len(set(table.values())) for name, table in labels.SETS.items()}
    assert sizes == {"four": 4, "six": 6, "seven": 7, "eight": 8}
    for table in labels.SETS.values():
        assert set(table.values()) <= set(labels.EMOTIONS)
        assert all(table[label] == label for label in table.values())
    assert set(labels.SYNONYMS.values()) <= set(labels.EMOTIONS)


def test_shared_keeps_labels_that_all_corpora_have_under_any_synonym():
    found, notes = chosen(made(a=("happy", "sad", "calm", "angry"), b=("Joy", "sadness", "anger", "boredom")), "shared")
    assert found == ["happy", "sad", "angry"] * 2
    assert "Joy to happy (1)" in notes[0] and "boredom (1)" in notes[1] and "calm (1)" in notes[1]
    with pytest.raises(VoxJaxError, match="at least two that all corpora have, found a: happy; b: sad"):
        chosen(made(a=("happy",), b=("sad", "sad")), "shared")


def test_perceived_takes_the_label_with_most_votes_and_leaves_ties_out():
    votes = [("angry", "angry=1 neutral=9"), ("happy", "happy=4 neutral=4"), ("sad", "sad=12 angry=9"), ("sad", "")]
    found, notes = chosen(made(cremad=votes), truth="perceived")
    assert found == ["neutral", "sad"]
    assert notes == ("cremad: 2 clips without votes, or with a tie are left out.",)
    with pytest.raises(UsageError, match="tabulatedVotes"):
        chosen(made(a=("happy", "sad")), truth="perceived")


def test_votes_are_parsed_to_counts():
    clip = made(cremad=[("sad", "angry=7 neutral=2")]).clips[0]
    assert clip.vote_counts == {"angry": 7, "neutral": 2}
    assert made(cremad=["sad"]).clips[0].vote_counts == {}


@pytest.mark.parametrize("votes", ["angry:7", "angry=", "=7", "angry=-1", "angry=7.5", "angry=7 angry=2", "angry"])
def test_the_error_of_malformed_votes_names_the_clip(votes):
    with pytest.raises(VoxJaxError, match=r"cremad/0, votes: expected such as angry=7 neutral=2, found '"):
        chosen(made(cremad=[("sad", votes), "happy"]), truth="perceived")


def test_clips_without_an_agreed_label_are_counted():
    found, notes = chosen(made(iemocap=("happy", "", "sad", "")))
    assert found == ["happy", "sad"] and notes == ("iemocap: 2 clips without an agreed label are left out.",)


def test_unknown_choices_are_errors():
    with pytest.raises(UsageError, match="did you mean 'four'"):
        chosen(made(a=MIXED), "fourr")
    with pytest.raises(UsageError, match="did you mean 'perceived'"):
        chosen(made(a=MIXED), truth="percieved")
    with pytest.raises(VoxJaxError, match="at least two"):
        chosen(made(a=("calm", "neutral", "boredom")), "four")


def test_labels_of_the_set_are_not_renamed():
    manifest = made(a=("glad", "low"))
    assert labelling.relabelled(manifest, labelling.Choice("own", "intended")) == manifest
    np.testing.assert_array_equal(manifest.targets, [0, 1])
