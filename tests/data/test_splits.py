"""Protocols: every clip tested once, no speaker or duplicate in two subsets, clear errors."""

import dataclasses

import numpy as np
import pytest

from voxjax.data import guard, splits
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import UsageError, VoxJaxError

EMOTIONS = ("neutral", "happy", "sad")


def made(speakers=24, takes=4, corpus="ravdess", name="Actor_{:02d}"):
    clips = [
        Clip(f"{s}/{e}{t}.wav", corpus, name.format(s), "male" if s % 2 else "female", e, "", "", "", f"{s}{e}{t}")
        for s in range(1, speakers + 1)
        for e in EMOTIONS
        for t in range(takes)
    ]
    return Manifest(None, tuple(clips))


@pytest.mark.parametrize("protocol", ["random5", "guide", "speaker5", "speaker6"])
def test_each_clip_is_tested_once_and_subsets_are_disjoint(protocol):
    corpus, tested = made(), []
    for fold in range(splits.PROTOCOLS[protocol].folds):
        split = splits.split(corpus, protocol, fold, 0.1, seed=3)
        guard.check(corpus, split)
        together = np.concatenate([split.train, split.valid, split.test])
        assert sorted(together) == list(range(len(corpus)))
        tested += split.test.tolist()
    assert sorted(tested) == list(range(len(corpus)))


def test_protocol_all_trains_on_all_clips_that_are_not_for_validation():
    corpus = made()
    split = splits.split(corpus, "all", 0, 0.1, seed=3)
    guard.check(corpus, split)
    assert sorted([*split.train, *split.valid]) == list(range(len(corpus)))
    assert np.array_equal(split.test, split.valid)
    assert not {corpus.speakers[i] for i in split.train} & {corpus.speakers[i] for i in split.valid}
    leaking = dataclasses.replace(split, train=np.append(split.train, split.valid[0]))
    with pytest.raises(guard.LeakError, match="train and valid subset"):
        guard.check(corpus, leaking)


def test_speaker_and_statement_are_both_unseen_and_every_clip_is_tested_once():
    clips = [dataclasses.replace(c, statement=("dogs", "kids")[i % 2]) for i, c in enumerate(made().clips)]
    corpus, tested = Manifest(None, tuple(clips)), []
    for fold in range(splits.PROTOCOLS["speaker_statement"].folds):
        split = splits.split(corpus, "speaker_statement", fold, 0.1, seed=3)
        guard.check(corpus, split)
        statements = [{clips[i].statement for i in subset} for subset in (split.train, split.valid, split.test)]
        assert statements[0] == statements[1] and not statements[0] & statements[2]
        whole = splits.split(corpus, "speaker5", fold // 2, 0.1, seed=3)
        assert set(split.test) < set(whole.test) and set(split.train) < set(whole.train)
        tested += split.test.tolist()
    assert sorted(tested) == list(range(len(corpus)))
    with pytest.raises(VoxJaxError, match="a statement for each clip"):
        splits.split(made(), "speaker_statement", 0, 0.1, 0)
    leaking = dataclasses.replace(split, train=np.append(split.train, other_half(clips, split)))
    with pytest.raises(guard.LeakError, match="no statement in common"):
        guard.check(corpus, leaking)


def other_half(clips, split):
    """A clip of a training speaker with a tested sentence."""
    people = {clips[i].speaker for i in split.train}
    tested = clips[split.test[0]].statement
    return next(i for i, clip in enumerate(clips) if clip.speaker in people and clip.statement == tested)


@pytest.mark.parametrize(("speakers", "by_speaker"), [("p{}", True), ("unknown", False)])
def test_across_corpora_the_last_one_is_tested(speakers, by_speaker):
    own = made(8, corpus="own", name=speakers)
    other = Manifest(
        None, tuple(dataclasses.replace(c, path=f"o/{c.path}", sha256=f"o{c.sha256}") for c in made(5).clips)
    )
    corpus = Manifest(None, own.clips + other.clips)
    split = splits.split(corpus, "corpus", 0, 0.2, 0)
    guard.check(corpus, split)
    assert {corpus.clips[i].corpus for i in split.test} == {"ravdess"} and len(split.test) == len(other)
    assert len(split.train) + len(split.valid) == len(own)
    people = [{corpus.clips[i].speaker for i in subset} for subset in (split.train, split.valid)]
    assert (not people[0] & people[1]) == by_speaker
    with pytest.raises(VoxJaxError, match="at least two corpora"):
        splits.split(own, "corpus", 0, 0.2, 0)
    with pytest.raises(guard.LeakError, match="no corpus in common"):
        guard.check(
            corpus, dataclasses.replace(split, test=split.test[1:], train=np.append(split.train, split.test[0]))
        )


PUBLISHED = {
    "speaker5": "2,5,14,15,16 3,6,7,13,18 10,11,12,19,20 8,17,21,23,24 1,4,9,22",
    "speaker6": "1,11,20,21 4,10,12,14 8,9,19,23 3,5,7,24 2,15,16,18 6,13,17,22",
}


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_test_speakers_are_the_published_ones(protocol):
    corpus = made()
    for fold, actors in enumerate(PUBLISHED[protocol].split()):
        split = splits.split(corpus, protocol, fold, 0.1, 0)
        expected = {f"Actor_{int(actor):02d}" for actor in actors.split(",")}
        assert {corpus.clips[i].speaker for i in split.test} == expected
    assert sorted(sum(splits.SPEAKER5, ())) == sorted(sum(splits.SPEAKER6, ())) == list(range(1, 25))


def test_random5_equals_scikit_learns_stratified_k_fold_with_seed_0():
    from sklearn.model_selection import StratifiedKFold

    corpus = made()
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(corpus.targets, corpus.targets))
    for fold, (_, test) in enumerate(folds):
        np.testing.assert_array_equal(splits.split(corpus, "random5", fold, 0.1, 7).test, test)


def test_validation_clips_depend_on_seed_and_fraction_and_test_clips_do_not():
    corpus = made()
    first, second = (splits.split(corpus, "random5", 0, 0.2, seed) for seed in (0, 1))
    assert not np.array_equal(first.valid, second.valid)
    np.testing.assert_array_equal(first.test, second.test)
    assert len(first.valid) == round(0.2 * (len(corpus) - len(first.test)))
    counts = np.bincount(corpus.targets[first.valid])
    assert counts.max() - counts.min() <= 1


def test_only_the_name_unknown_is_an_unknown_speaker():
    def named(name):
        clips = made(8).clips
        return Manifest(None, (*(dataclasses.replace(clip, speaker=name) for clip in clips[:12]), *clips[12:]))

    assert len(splits.split(named("the unknown"), "speaker5", 0, 0.2, 0).test)
    for name in ("unknown", "ravdess/unknown"):
        assert [clip.has_known_speaker for clip in named(name).clips[:13]] == [False] * 12 + [True]
        with pytest.raises(VoxJaxError, match="known speakers"):
            splits.split(named(name), "speaker5", 0, 0.2, 0)


def test_augmented_copies_have_ids_and_hashes_of_their_own():
    clip = dataclasses.replace(made().clips[0], sha256="0123456789")
    first, second = (dataclasses.replace(clip, augmented_copy=copy) for copy in (1, 2))
    assert len({one.clip_id for one in (clip, first, second)}) == 3 and clip.clip_id == clip.path
    assert len({one.content_hash for one in (clip, first, second)}) == 3
    assert clip.augmentation_id == first.augmentation_id


def test_validation_by_speaker_takes_both_genders():
    corpus = made()
    split = splits.split(corpus, "speaker5", 0, 0.2, 0)
    people = {(corpus.clips[i].speaker, corpus.clips[i].gender) for i in split.valid}
    assert len(people) == 4 and [g for _, g in people].count("female") == 2


@pytest.mark.parametrize("same", ["sha256", "audio_hash"])
def test_duplicates_stay_in_one_subset_in_every_fold(same):
    clips = [dataclasses.replace(clip, audio_hash=f"samples of {i}") for i, clip in enumerate(made().clips)]
    clips = clips if same == "audio_hash" else list(made().clips)
    clips[200] = dataclasses.replace(clips[200], **{same: clips[0].content_hash})
    clips[100] = dataclasses.replace(clips[100], **{same: clips[0].content_hash})
    clips[0] = dataclasses.replace(clips[0], **{same: clips[0].content_hash})
    corpus = Manifest(None, tuple(clips))
    for fold in range(5):
        for seed in range(5):
            guard.check(corpus, splits.split(corpus, "random5", fold, 0.1, seed))


def test_corpora_without_published_folds_have_speaker_folds():
    corpus = made(7, corpus="own", name="p{}")
    tested = [set(np.array(corpus.speakers)[splits.split(corpus, "speaker5", f, 0.1, 0).test]) for f in range(5)]
    assert len(set.union(*tested)) == 7 and sum(map(len, tested)) == 7


def test_few_clips_and_unknown_speakers_are_errors():
    lone = Manifest(None, (*made(2, 2).clips, _of_label("bored")))
    with pytest.raises(VoxJaxError, match="at least 2 clips of each label, 5 in all, found 1 of 'bored'"):
        splits.split(lone, "random5", 0, 0.1, 0)
    with pytest.raises(VoxJaxError, match="at least 5 known speakers"):
        splits.split(made(9, name="unknown"), "speaker5", 0, 0.1, 0)
    with pytest.raises(UsageError, match="did you mean 'speaker5'"):
        splits.split(made(), "speaker_5", 0, 0.1, 0)
    with pytest.raises(UsageError, match="from 0 to 4"):
        splits.split(made(), "random5", 5, 0.1, 0)


def test_a_tiny_corpus_splits():
    corpus = made(1, 13, corpus="folder", name="unknown")
    split = splits.split(corpus, "random5", 0, 0.1, 0)
    guard.check(corpus, split)
    assert set(corpus.targets[split.valid]) == {0, 1, 2}


def planted(leak):
    corpus = made()
    split = splits.split(corpus, "speaker5", 0, 0.1, 0)
    return leak(corpus, split)


def shared_index(corpus, split):
    return corpus, dataclasses.replace(split, train=np.append(split.train, split.test[0]))


def shared_audio(corpus, split):
    clips = list(corpus.clips)
    clips[split.test[0]] = dataclasses.replace(clips[split.test[0]], sha256=clips[split.train[0]].sha256)
    return Manifest(None, tuple(clips)), split


def shared_samples(corpus, split):
    """The same recording in another format: other bytes, equal samples."""
    clips = [dataclasses.replace(clip, audio_hash=f"samples of {i}") for i, clip in enumerate(corpus.clips)]
    clips[split.test[0]] = dataclasses.replace(clips[split.test[0]], audio_hash=clips[split.train[0]].audio_hash)
    return Manifest(None, tuple(clips)), split


def shared_speaker(corpus, split):
    return corpus, dataclasses.replace(split, valid=split.valid[1:], train=np.append(split.train, split.valid[0]))


@pytest.mark.parametrize(
    ("leak", "message"),
    [(shared_index, "no clip in common"), (shared_audio, "no audio in common"), (shared_samples, "no audio in common"),
     (shared_speaker, "no speaker in common")],
)  # fmt: skip
def test_planted_leaks_are_errors(leak, message):
    with pytest.raises(guard.LeakError, match=message):
        guard.check(*planted(leak))


def test_statistics_of_other_than_training_clips_are_errors():
    split = splits.split(made(), "random5", 0, 0.1, 0)
    guard.check_fitted_on_train(split.train, split)
    with pytest.raises(guard.LeakError, match="1 outside"):
        guard.check_fitted_on_train(np.append(split.train, split.test[0]), split)


def test_a_fold_without_a_speaker_of_the_corpus_is_an_error_that_names_the_folds_with_some():
    actors = (2, 5, 14, 15, 16, 3, 6, 7)  # of folds 0 and 1
    clips = [clip for clip in made().clips if int(clip.speaker[-2:]) in actors]
    corpus = Manifest(None, tuple(clips))
    guard.check(corpus, splits.split(corpus, "speaker5", 0, 0.1, 0))
    message = r"protocol speaker5, fold 4: .*found none of this corpus; .*\(0, 1\)"
    with pytest.raises(VoxJaxError, match=message) as caught:
        splits.split(corpus, "speaker5", 4, 0.1, 0)
    assert not isinstance(caught.value, guard.LeakError)


def test_an_empty_subset_is_no_leak():
    corpus = made()
    split = dataclasses.replace(splits.split(corpus, "random5", 0, 0.1, 0), valid=np.zeros(0, int))
    with pytest.raises(VoxJaxError, match="fold 0, valid subset: expected at least one clip") as caught:
        guard.check(corpus, split)
    assert not isinstance(caught.value, guard.LeakError)


def _of_label(label):
    return dataclasses.replace(made(3).clips[0], path=f"{label}.wav", emotion=label, sha256=label)


def test_the_only_clip_of_a_label_is_trained_on():
    corpus = Manifest(None, (*made(3).clips, _of_label("bored")))
    split = splits.split(corpus, "all", 0, 0.1, 0)
    guard.check(corpus, split)
    assert len(corpus) - 1 in split.train
    lone = Manifest(None, (_of_label("bored"), _of_label("glad")))
    with pytest.raises(VoxJaxError, match="expected at least 2 of a label, one for validation, found 1 of 'bored'"):
        splits.split(lone, "all", 0, 0.1, 0)


@pytest.mark.parametrize("protocol", ["random5", "loso:clips"])
def test_twelve_clips_are_tested_once_each_and_every_label_is_trained_on(protocol):
    corpus, tested = made(4, 1), []
    for fold in range(splits.fold_count(corpus, protocol)):
        split = splits.split(corpus, protocol, fold, 0.06, 0)
        guard.check(corpus, split)
        assert set(corpus.targets[split.train]) == set(corpus.targets)
        tested += split.test.tolist()
    assert sorted(tested) == list(range(len(corpus)))


def test_two_speakers_can_be_left_out_one_by_one():
    corpus = made(2, 3, corpus="own", name="p{}")
    assert splits.fold_count(corpus, "loso:clips") == 2
    split = splits.split(corpus, "loso:clips", 1, 0.06, 0)
    guard.check(corpus, split)
    tested, other = ({corpus.speakers[i] for i in part} for part in (split.test, (*split.train, *split.valid)))
    assert len(tested) == len(other) == 1 and tested != other
    leaking = dataclasses.replace(split, valid=np.append(split.valid, split.test[0]))
    with pytest.raises(guard.LeakError):
        guard.check(corpus, leaking)
    with pytest.raises(VoxJaxError, match="at least 2 known speakers, found 1"):
        splits.split(made(1, corpus="own", name="p{}"), "loso:clips", 0, 0.06, 0)


def test_validation_leaves_a_training_clip_of_each_label():
    few = Manifest(None, tuple(clip for clip in made(3, 1).clips if clip.emotion != "sad"))
    split = splits.split(few, "all", 0, 0.9, 0)
    assert len(split.train) >= 2
