"""The leak guard: what it refuses, in which subsets, and what it says."""

import dataclasses

import numpy as np
import pytest

from voxjax.data import guard, splits
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import VoxJaxError


def made(**changes):
    """Eight clips of four people, two of each; the keys of `changes` are places, the values what differs there."""
    clips = [Clip(f"{i}.wav", "own", f"p{i // 2}", "", "sad", f"s{i % 2}", "", "", f"hash {i}") for i in range(8)]
    for key, values in changes.items():
        clips[int(key[1:])] = dataclasses.replace(clips[int(key[1:])], **values)
    return Manifest(None, tuple(clips))


def split(protocol="random5", train=(0, 1, 2, 3), valid=(4, 5), test=(6, 7)):
    return splits.Split(*(np.array(part, int) for part in (train, valid, test)), protocol, 2)


@pytest.mark.parametrize(
    ("clips", "parts", "message"),
    [
        (made(), split(valid=(4, 1)), "train and valid subset: expected no clip in common, found 1: 1.wav = 1.wav"),
        (made(), split(test=(6, 0)), "train and test subset: expected no clip in common, found 1: 0.wav = 0.wav"),
        (made(), split(test=(5, 6)), "valid and test subset: expected no clip in common, found 1: 5.wav = 5.wav"),
        (made(c6={"sha256": "hash 2"}), split(), "train and test subset: expected no audio in common, found 1: 2.wav"),
        (made(c5={"recording": "hash 3"}), split(), "valid subset: expected no audio in common, found 1: 3.wav = 5"),
        (made(), split("speaker5", (0, 1, 2), (3, 4), (6, 7)), "train and valid subset: expected no speaker in common"),
        (made(), split("speaker5", (0, 1), (2, 3, 4), (5, 6)), "valid and test subset: expected no speaker in common"),
        (made(c0={"person": "p3"}), split("loso"), "train and test subset: expected no speaker in common"),
        (made(), split("loso:clips", (0, 2), (1, 3, 4), (5, 6)), "valid and test subset: expected no speaker in"),
        (made(), split("speaker_statement"), "train and test subset: expected no statement in common"),
        (made(), split("corpus"), "train and test subset: expected no corpus in common, found 1: 3.wav = 7.wav"),
        (made(), split("all", test=(3, 4)), "train and test subset: expected no clip in common"),
    ],
)
def test_what_two_subsets_have_in_common_is_named(clips, parts, message):
    with pytest.raises(guard.LeakError) as caught:
        guard.check(clips, parts)
    assert message in str(caught.value) and str(caught.value).endswith("keep them in one subset")


def test_at_most_three_pairs_are_named():
    with pytest.raises(guard.LeakError, match=r"found 4: 0.wav = 0.wav, 1.wav = 1.wav, 2.wav = 2.wav;"):
        guard.check(made(), split(test=(0, 1, 2, 3)))


@pytest.mark.parametrize(
    "parts",
    [
        split(),
        split("speaker5"),
        split("loso:clips", (0, 2, 4), (1, 3, 5), (6, 7)),  # speakers of training may validate
        split("speaker_statement", (0, 2), (4,), (7,)),  # a sentence of training may validate
        split("all", (0, 1, 2, 3), (4, 5, 6, 7), (4, 5, 6, 7)),  # is tested on the validation clips
    ],
)
def test_what_a_protocol_does_not_separate_may_be_in_common(parts):
    guard.check(made(), parts)


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_each_subset_needs_a_clip(name):
    with pytest.raises(VoxJaxError, match=f"protocol random5, fold 2, {name} subset: expected at least one clip"):
        guard.check(made(), split(**{name: ()}))


def test_enrolled_clips_are_of_the_tested_person_alone_and_are_not_tested():
    parts = split("enrolled", (0, 1), (2, 3), (4, 5, 6, 7))
    guard.check_enrolled(made(), parts, np.array([4]), np.array([5]))
    guard.check_enrolled(made(), parts, np.zeros(0, int), np.array([5]))
    for enrolled, tested, clips, message in (
        ([4], [4, 5], made(), "enrolled and tested subset: expected no clip in common, found 1: 4.wav = 4.wav"),
        ([4], [5], made(c5={"sha256": "hash 4"}), "enrolled and tested subset: expected no audio in common"),
        ([4, 6], [5], made(), "expected test clips of the tested person, found 1 of another person, such as 6.wav;"),
        ([1], [0], made(), "expected test clips of the tested person, found 2 outside the test subset, such as 1.wav;"),
        ([4], [5, 3, 2], made(c2={"person": "p2"}, c3={"person": "p2"}), "found 2 outside the test subset, such as 3."),
    ):
        with pytest.raises(guard.LeakError, match=message):
            guard.check_enrolled(clips, parts, np.array(enrolled), np.array(tested))


@pytest.mark.parametrize("outside", [4, 7])
def test_statistics_of_validation_or_test_clips_are_refused(outside):
    guard.check_fitted_on_train(np.array([3, 0, 0]), split())
    with pytest.raises(guard.LeakError, match=f"training clips only, found 1 outside them, such as clip {outside};"):
        guard.check_fitted_on_train(np.array([0, 1, outside]), split())
    with pytest.raises(guard.LeakError, match="found 4 outside them, such as clip 4"):
        guard.check_fitted_on_train(np.arange(8), split())
