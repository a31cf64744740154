"""Any corpus under any protocol: subsets share no clip, recording or person, and a planted leak is refused."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from voxjax.data import guard, splits
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import VoxJaxError

EMOTIONS = ("angry", "calm", "sad")


@strategies.composite
def corpora(draw):
    """Recordings of 10 to 16 people in one or two corpora that share people; some recordings are there twice."""
    people = draw(strategies.integers(10, 16))
    names = ("ravdess", "ravdess_song")[: draw(strategies.integers(1, 2))]
    clips = [
        Clip(f"{corpus}/{person}/{emotion}{take}.wav", corpus, f"{corpus}/Actor_{person:02d}", "", emotion, "", "", "",
             f"{corpus}{person}{emotion}{take}", person=f"ravdess/actor_{person:02d}")
        for corpus in names for person in range(1, people + 1) for emotion in EMOTIONS for take in range(2)
    ]  # fmt: skip
    copied = draw(strategies.lists(strategies.integers(0, len(clips) - 1), max_size=4, unique=True))
    copies = [dataclasses.replace(clips[i], path=f"copy/{i}.wav", recording=clips[i].sha256) for i in copied]
    order = draw(strategies.permutations(range(len(clips) + len(copies))))
    return Manifest(None, tuple(np.array([*clips, *copies], object)[list(order)]))


@pytest.mark.parametrize("protocol", ["random5", "speaker5", "speaker6"])
@hypothesis.settings(max_examples=25)
@hypothesis.given(corpus=corpora(), seed=strategies.integers(0, 99))
def test_subsets_share_nothing_that_the_protocol_separates(protocol, corpus, seed):
    tested = []
    for fold in range(splits.PROTOCOLS[protocol].folds):
        split = splits.split(corpus, protocol, fold, 0.2, seed)
        guard.check(corpus, split)
        subsets = [[corpus.clips[i] for i in part] for part in (split.train, split.valid, split.test)]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            assert not {clip.recording_id for clip in subsets[a]} & {clip.recording_id for clip in subsets[b]}
        if protocol != "random5":
            assert not {c.person for part in subsets[:2] for c in part} & {clip.person for clip in subsets[2]}
        tested += split.test.tolist()
    assert sorted(tested) == list(range(len(corpus)))


@hypothesis.settings(max_examples=40)
@hypothesis.given(corpus=corpora(), data=strategies.data())
def test_a_recording_planted_in_another_subset_is_refused(corpus, data):
    """Under another name, corpus, speaker and label, known by its content alone."""
    split = splits.split(corpus, "random5", 0, 0.2, 0)
    tested = corpus.clips[int(data.draw(strategies.sampled_from(split.test.tolist())))]
    place = int(data.draw(strategies.sampled_from([*split.train.tolist(), *split.valid.tolist()])))
    planted = dataclasses.replace(corpus.clips[place], recording=tested.recording_id)
    clips = (*corpus.clips[:place], planted, *corpus.clips[place + 1 :])
    with pytest.raises(guard.LeakError, match="no audio in common"):
        guard.check(Manifest(None, clips), split)


@hypothesis.settings(max_examples=40)
@hypothesis.given(corpus=corpora(), data=strategies.data())
def test_a_person_planted_in_another_subset_is_refused(corpus, data):
    """Under another speaker's name, as in a second corpus of the same people."""
    split = splits.split(corpus, "speaker5", 0, 0.2, 0)
    tested = corpus.clips[int(data.draw(strategies.sampled_from(split.test.tolist())))]
    place = int(data.draw(strategies.sampled_from(split.train.tolist())))
    planted = dataclasses.replace(corpus.clips[place], speaker="someone else", person=tested.person)
    clips = (*corpus.clips[:place], planted, *corpus.clips[place + 1 :])
    with pytest.raises(VoxJaxError, match="in common"):
        guard.check(Manifest(None, clips), split)
