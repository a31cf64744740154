"""Draws of enrolling clips: never tested, the same for a seed, and refused by the guard where they leak."""

import dataclasses

import numpy as np
import pytest

from tests.data.test_splits import made
from voxjax.data import enrolment_draws, guard, splits
from voxjax.data.enrolment_draws import ALL


@pytest.fixture(scope="module")
def corpus():
    """Twelve clips of each of 24 speakers; the first two of the first speaker are one recording."""
    manifest = made()
    clips = list(manifest.clips)
    clips[:2] = [dataclasses.replace(clip, recording="one") for clip in clips[:2]]
    return dataclasses.replace(manifest, clips=tuple(clips))


def of_first(corpus, seed=0):
    return enrolment_draws.draws(corpus, np.arange(12), (seed, 0))


def test_enrolled_clips_and_their_copies_are_never_tested(corpus):
    for draw in of_first(corpus):
        ids = [{corpus.clips[i].recording_id for i in part} for part in (draw.enrolled, draw.tested)]
        assert not ids[0] & ids[1] and len(draw.tested)
        if draw.known not in (0, ALL):
            assert len(draw.enrolled) == draw.known


def test_each_number_of_clips_has_its_draws(corpus):
    counts = [draw.known for draw in of_first(corpus)]
    assert counts == [0] + [3] * 5 + [5] * 5 + [10] * 5 + [ALL] * 12, "20 leaves no clip to test"
    tested = [draw.tested.tolist() for draw in of_first(corpus)]
    assert tested[0] == list(range(12)) and sorted(i for one in tested[-12:] for i in one) == list(range(12))
    assert [len(draw.enrolled) for draw in of_first(corpus)[-12:]] == [10, 10] + [11] * 10


def test_draws_follow_from_the_seed(corpus):
    same, other = ([draw.enrolled.tolist() for draw in of_first(corpus, seed)] for seed in (0, 1))
    assert same == [draw.enrolled.tolist() for draw in of_first(corpus)] != other
    assert set(same[1]) < set(same[6]) < set(same[11]), "more clips of one draw hold the fewer"


def test_the_guard_refuses_clips_that_are_tested_or_of_another_person(corpus):
    split = splits.split(corpus, "enrolled", 4, 0.1, 0)  # tests speakers 1, 4, 9 and 22
    people = enrolment_draws.people(corpus, split)
    assert [len(clips) for clips in people.values()] == [12] * 4
    own, further = list(people.values())[:2]
    guard.check_enrolled(corpus, split, own[3:5], own[5:])
    for enrolled, tested, found in (
        (own[:1], own[1:], "no audio in common"),  # one recording
        (own[4:6], own[5:], "no clip in common"),
        (further[:2], own[5:], "of another person"),
        (split.train[:2], split.train[2:4], "outside the test subset"),
    ):
        with pytest.raises(guard.LeakError, match=found):
            guard.check_enrolled(corpus, split, enrolled, tested)


def test_loso_tests_each_speaker_once():
    corpus, tested = made(speakers=5), []
    assert splits.fold_count(corpus, "enrolled:loso") == 5
    for fold in range(5):
        split = splits.split(corpus, "loso", fold, 0.1, seed=3)
        guard.check(corpus, split)
        assert len({corpus.speakers[i] for i in split.test}) == 1
        tested += split.test.tolist()
    assert sorted(tested) == list(range(len(corpus)))
