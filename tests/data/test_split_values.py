"""Which clips a protocol tests and validates on, worked out by hand for a few clips."""

import dataclasses

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, train_test_split

from voxjax.data import enrolment_draws, splits
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import UsageError, VoxJaxError


def corpus(rows, labels="ab", corpus="own"):
    """A manifest of `(speaker, gender)` or `(speaker, gender, corpus)` rows, whose labels take turns."""
    clips = [
        Clip(f"{i}.wav", (*row, corpus)[2], row[0], row[1], labels[i % len(labels)], "", "", "", f"hash {i}")
        for i, row in enumerate(rows)
    ]
    return Manifest(None, tuple(clips))


def people(count, clips=2):
    return [(f"p{i}", "male" if i % 2 else "female") for i in range(count) for _ in range(clips)]


def changed(manifest, **fields):
    """The manifest with a column replaced by the given values."""
    ((name, values),) = fields.items()
    clips = (dataclasses.replace(clip, **{name: value}) for clip, value in zip(manifest.clips, values, strict=True))
    return Manifest(None, tuple(clips))


@pytest.mark.parametrize(("repeats", "labels"), [(2, "ab"), (4, "abc")])
def test_few_clips_of_a_label_are_dealt_to_the_folds_in_a_fixed_order(repeats, labels):
    manifest = corpus([("p", "")] * (repeats * len(labels) + 3), labels + "".join(labels[0] * 2))
    folds = splits.random5(manifest)
    dealt = {label: [] for label in range(len(labels))}
    for clip in np.random.default_rng(0).permutation(len(manifest)):
        dealt[manifest.targets[clip]].append(clip)
    in_turn = [clip for label in sorted(dealt) for clip in dealt[label]]
    assert [folds[clip] for clip in in_turn] == [i % 5 for i in range(len(manifest))]


def test_five_clips_of_each_label_are_stratified_and_four_are_dealt():
    five, four = corpus([("p", "")] * 10), corpus([("p", "")] * 8)
    expected = StratifiedKFold(5, shuffle=True, random_state=0).split(np.zeros(10), five.targets)
    assert [np.flatnonzero(splits.random5(five) == i).tolist() for i in range(5)] == [t.tolist() for _, t in expected]
    assert sorted(np.bincount(splits.random5(four), minlength=5)) == [1, 1, 2, 2, 2]


@pytest.mark.parametrize(("clips", "labels", "found"), [(4, "ab", "2 of 'a', 4 in all"), (8, "aaaaaaab", "1 of 'b'")])
def test_random5_needs_five_clips_and_two_of_each_label(clips, labels, found):
    with pytest.raises(VoxJaxError, match=f"2 clips of each label, 5 in all, found {found}"):
        splits.random5(corpus([("p", "")] * clips, labels))
    assert len(splits.random5(corpus([("p", "")] * 5, "aabab"))) == 5


@pytest.mark.parametrize("clips", [8, 40])
def test_near_duplicates_are_in_the_fold_of_the_first(clips):
    manifest = corpus([("p", "")] * clips)
    alone = splits.random5(manifest)
    same = {1: "first", 4: "first", 7: "first", 2: "second", 6: "second"}
    folds = splits.random5(changed(manifest, recording=[same.get(i, "") for i in range(clips)]))
    expected = alone.copy()
    expected[[4, 7]], expected[6] = alone[1], alone[2]
    np.testing.assert_array_equal(folds, expected)


def test_speakers_outside_the_published_folds_are_dealt_by_gender_corpus_and_name():
    rows = [
        ("z", "female"), ("y", "male"), ("x", "female"), ("ravdess/Actor_01", "male", "ravdess"),
        ("ravdess/Actor_03", "male", "ravdess"), ("ravdess/stranger", "female", "ravdess"),
        ("own/Actor_02", "female"), ("w", ""),
    ]  # fmt: skip
    folds = splits.by_speaker(splits.SPEAKER5)(corpus(rows))
    # Without a gender, then women of "own" (own/Actor_02, x, z) and of "ravdess", then men.
    assert folds.tolist() == [3, 0, 2, 4, 1, 4, 1, 0]


def test_an_actor_in_a_second_corpus_stays_in_the_published_fold():
    rows = [("ravdess/Actor_09", "male", "ravdess"), ("Actor_09", "male", "song"), *people(4, 1)]
    manifest = changed(corpus(rows), person=["actor nine", "actor nine", "", "", "", ""])
    assert splits.by_speaker(splits.SPEAKER5)(manifest)[:2].tolist() == [4, 4]
    song = changed(corpus([("song/Actor_02", "male", "song"), *people(4, 1)]), person=["actor two"] + [""] * 4)
    assert splits.by_speaker(splits.SPEAKER5)(song)[0] == 4  # dealt, and not in fold 0


def test_by_speaker_needs_as_many_known_speakers_as_folds():
    assert len(splits.by_speaker(splits.SPEAKER5)(corpus(people(5)))) == 10
    with pytest.raises(VoxJaxError, match="at least 5 known speakers, found 4: p0, p2, p1, p3; give speakers"):
        splits.by_speaker(splits.SPEAKER5)(corpus(people(4)))
    with pytest.raises(VoxJaxError, match="at least 6 known speakers, found 5: p0, p2, p4, p1;"):
        splits.by_speaker(splits.SPEAKER6)(corpus(people(5)))
    with pytest.raises(VoxJaxError, match="known speakers"):
        splits.by_speaker(splits.SPEAKER5)(corpus([*people(5), ("unknown", "")]))


def test_speaker_statement_tests_a_half_of_the_sentences_on_a_fold_of_speakers():
    rows = [(f"p{i}", "") for i in range(5) for _ in range(3)]
    manifest = changed(corpus(rows), statement=["s3", "s1", "s2"] * 5)  # the first half is s1 and s2
    speaker, late = np.arange(15) // 3, np.array([1, 0, 0] * 5)
    for fold in range(10):
        test, rest = splits.speaker_statement(manifest, fold)
        mine = speaker == fold // 2
        assert test.tolist() == np.flatnonzero(mine & (late == fold % 2)).tolist()
        assert rest.tolist() == np.flatnonzero(~mine & (late != fold % 2)).tolist()
    for column, found in ((["one"] * 15, "found one;"), (["one", "two", ""] * 5, "found none, one, two;")):
        with pytest.raises(VoxJaxError, match=f"a statement for each clip, two or more, {found}"):
            splits.speaker_statement(changed(manifest, statement=column), 0)


def test_the_corpus_of_the_last_clip_is_tested():
    rows = [("a", "", "x"), ("b", "", "y"), ("c", "", "x"), ("d", "", "y")]
    test, rest = splits.across_corpora(corpus(rows), 0)
    assert (test.tolist(), rest.tolist()) == ([1, 3], [0, 2])


def test_speakers_are_left_out_in_the_order_of_gender_corpus_and_name():
    rows = [("b", "male"), ("a", "male"), ("c", "female"), ("b", "male"), ("d", "female", "early")]
    manifest = corpus(rows)
    assert splits.fold_count(manifest, "loso") == 4 and splits.fold_count(manifest, "speaker6") == 6
    found = [[part.tolist() for part in splits.one_speaker(manifest, fold)] for fold in range(4)]
    assert found == [[[4], [0, 1, 2, 3]], [[2], [0, 1, 3, 4]], [[1], [0, 2, 3, 4]], [[0, 3], [1, 2, 4]]]
    two = corpus([("a", ""), ("b", "")])
    assert [part.tolist() for part in splits.one_of_few_speakers(two, 1)] == [[1], [0]]
    with pytest.raises(VoxJaxError, match="at least 3 known speakers, found 2;"):
        splits.one_speaker(two, 0)
    with pytest.raises(VoxJaxError, match="known speakers, found clips of unknown speakers"):
        splits.one_speaker(corpus([*rows, ("unknown", "")]), 0)


def test_protocol_all_holds_nothing_out():
    test, rest = splits.everything(corpus(people(3)), 0)
    assert test.tolist() == [] and test.dtype == rest.dtype == np.int64 and rest.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("protocol", "enrolled"),
    [("enrolled", True), ("enrolled:loso", True), ("loso", False), ("loso:clips", False), ("speaker5", False)],
)
def test_enrolled_protocols_are_known_by_their_name(protocol, enrolled):
    assert enrolment_draws.is_enrolled(protocol) == enrolled


def test_a_check_beforehand_looks_at_the_folds_that_are_needed():
    actors = [(f"ravdess/Actor_{actor:02d}", "", "ravdess") for actor in (2, 5, 14, 3, 6) for _ in range(2)]
    manifest = corpus(actors)  # of the folds 0 and 1
    splits.check_possible(manifest, "speaker5", [0, 1], 0.2, 0)
    for folds in (None, [4], [0, 4]):
        with pytest.raises(VoxJaxError, match="found none of this corpus"):
            splits.check_possible(manifest, "speaker5", folds, 0.2, 0)
    for protocol, folds, message in (("speaker7", None, "config.protocol"), ("speaker5", [5], "from 0 to 4")):
        with pytest.raises(UsageError, match=message):
            splits.check_possible(manifest, protocol, folds, 0.2, 0)
    lone = corpus([("p", "")] * 6, "aaaaab")
    splits.check_possible(lone, "guide", None, 0.2, 0)  # its copies are made later
    with pytest.raises(UsageError, match=r"config\.fold"):
        splits.check_possible(lone, "guide", [-1], 0.2, 0)
    with pytest.raises(VoxJaxError, match="found 1 of 'b'"):
        splits.check_possible(lone, "random5", None, 0.2, 0)


@pytest.mark.parametrize(("fraction", "size"), [(0.3, 9), (0.01, 2), (0.99, 26), (0.25, 8)])
def test_validation_clips_are_scikit_learns_stratified_draw(fraction, size):
    """At least one of each label, and one of each is left to train on; the only clip of "c" is trained on."""
    manifest = corpus([("p", "")] * 33, "a" * 10 + "b" * 4 + "a" * 10 + "b" * 4 + "c" + "aaaa")
    rest = np.array([i for i in range(33) if i not in (0, 5, 12)])
    several = np.array([i for i in rest if i != 28])
    labels = manifest.targets[several]
    size = size if fraction < 0.9 else len(several) - 2
    _, expected = train_test_split(several, test_size=size, stratify=labels, random_state=3)
    found = splits._valid_clips(manifest, rest, fraction, 3)
    assert found.tolist() == sorted(expected.tolist()) and found.dtype == np.int64 and len(found) == size


def test_near_duplicates_are_validated_on_with_the_first_or_not_at_all():
    manifest = corpus([("p", "")] * 12)
    rest = np.arange(1, 12)
    plain = splits._valid_clips(manifest, rest, 0.3, 0).tolist()
    chosen, left = plain[0], next(i for i in rest.tolist() if i not in plain)
    with_first = changed(manifest, recording=["r" if i in (chosen, 11) else "" for i in range(12)])
    assert splits._valid_clips(with_first, rest, 0.3, 0).tolist() == sorted({*plain, 11})
    outside = changed(manifest, recording=["r" if i in (0, chosen) else "" for i in range(12)])
    assert splits._valid_clips(outside, rest, 0.3, 0).tolist() == [i for i in plain if i != chosen]
    first = min(left, chosen)
    pair = changed(manifest, recording=["r" if i in (left, chosen) else "" for i in range(12)])
    expected = {*plain, left} if first == chosen else {*plain} - {chosen}
    assert splits._valid_clips(pair, rest, 0.3, 0).tolist() == sorted(expected)


def test_two_clips_of_a_label_are_enough_and_all_may_be_near_duplicates_of_the_tested():
    manifest = corpus([("p", "")] * 6, "aaaabb")
    found = splits._valid_clips(manifest, np.arange(6), 0.01, 0)
    assert manifest.targets[found].tolist() == [0, 1]
    pairs = corpus([("p", "")] * 4)
    assert len(splits._valid_clips(pairs, np.arange(4), 0.5, 0)) == 2
    same = changed(pairs, recording=["r"] * 4)
    none = splits._valid_clips(Manifest(None, (same.clips[0], *same.clips)), np.arange(1, 5), 0.5, 0)
    assert none.tolist() == [] and none.dtype == np.int64


def test_one_clip_of_each_label_can_not_be_validated_on():
    with pytest.raises(VoxJaxError, match="one for validation, found 1 of 'b'; add clips"):
        splits._valid_clips(corpus([("p", "")] * 3, "abc"), np.array([1, 2]), 0.5, 0)


@pytest.mark.parametrize(("fraction", "count"), [(0.01, 1), (0.3, 2), (0.5, 4), (0.9, 7)])
def test_validation_speakers_are_drawn_from_each_gender_in_turn(fraction, count):
    rows = [(f"p{i}", ("female", "male", "male")[i % 3]) for i in (4, 0, 5, 1, 6, 2, 7, 3)]
    manifest = corpus(rows * 2)
    rest = np.arange(15)
    random = np.random.default_rng(5)
    women = random.permutation(["p0", "p3", "p6"]).tolist()
    men = random.permutation(["p1", "p2", "p4", "p5", "p7"]).tolist()
    order = [women[0], men[0], women[1], men[1], women[2], men[2], men[3], men[4]]
    found = splits._valid_speakers(manifest, rest, fraction, 5)
    assert found.tolist() == [i for i in rest if manifest.clips[i].speaker in order[:count]]
    assert found.dtype == np.int64


def test_a_person_of_two_corpora_is_one():
    rows = [("late", "male", "b"), ("early", "", "a"), ("alone", "female", "a")]
    manifest = changed(corpus(rows), person=["one", "one", ""])
    expected = {"one": ("", "a", "early"), "alone": ("female", "a", "alone")}
    assert splits._people(manifest, np.arange(3)) == expected
    assert list(splits._people(manifest, np.arange(3))) == ["one", "alone"]
    assert splits._people(manifest, np.array([0])) == {"one": ("male", "b", "late")}


@pytest.mark.parametrize(("count", "unknown", "by_speaker"), [(3, False, False), (4, False, True), (5, True, False)])
def test_validation_is_by_speaker_from_four_known_speakers_on(count, unknown, by_speaker):
    rows = people(count, 4) + [("unknown", "")] * unknown
    manifest = corpus(rows)
    every = np.arange(len(rows))
    expected = (splits._valid_speakers if by_speaker else splits._valid_clips)(manifest, every, 0.25, 1)
    np.testing.assert_array_equal(splits._valid_either(manifest, every, 0.25, 1), expected)


BY_CLIP, BY_SPEAKER, EITHER = splits._valid_clips, splits._valid_speakers, splits._valid_either


@pytest.mark.parametrize(
    ("name", "folds", "validation", "separated"),
    [
        ("random5", 5, BY_CLIP, {}),
        ("guide", 5, BY_CLIP, {}),
        ("speaker5", 5, BY_SPEAKER, {"speaker": 3}),
        ("speaker6", 6, BY_SPEAKER, {"speaker": 3}),
        ("speaker_statement", 10, BY_SPEAKER, {"speaker": 3, "statement": 2}),
        ("corpus", 1, EITHER, {"corpus": 2}),
        ("adapted", 1, EITHER, {"corpus": 2}),
        ("loso", None, BY_SPEAKER, {"speaker": 3}),
        ("loso:clips", None, BY_CLIP, {"speaker": 2}),
        ("enrolled", 5, BY_SPEAKER, {"speaker": 3}),
        ("enrolled:loso", None, BY_SPEAKER, {"speaker": 3}),
        ("all", 1, EITHER, {}),
    ],
)
def test_protocols_validate_and_separate_as_documented(name, folds, validation, separated):
    """Two pairs are those with the test subset."""
    found = splits.PROTOCOLS[name]
    every = (("train", "valid"), ("train", "test"), ("valid", "test"))
    assert (found.folds, found.validation) == (folds, validation)
    assert {one.name: one.pairs for one in found.separated} == {k: every[-n:] for k, n in separated.items()}
    assert found.pairs == (every[:2] if name == "all" else every)
    assert set(splits.PROTOCOLS) >= {name} and len(splits.PROTOCOLS) == 12


def test_enrolled_protocols_test_as_speaker5_and_loso():
    manifest = corpus(people(6, 3))
    for name, like in (("enrolled", "speaker5"), ("enrolled:loso", "loso")):
        for fold in range(5):
            a, b = (splits.split(manifest, protocol, fold, 0.2, 1) for protocol in (name, like))
            assert (a.protocol, a.fold) == (name, fold)
            for part in ("train", "valid", "test"):
                np.testing.assert_array_equal(getattr(a, part), getattr(b, part))


@pytest.mark.parametrize(
    ("protocol", "fold", "field"), [("loos", 0, r"config\.protocol"), ("loso", 6, r"config\.fold")]
)
def test_a_protocol_or_fold_that_is_not_there_is_named_by_its_field(protocol, fold, field):
    with pytest.raises(UsageError, match=field):
        splits.split(corpus(people(6)), protocol, fold, 0.2, 0)
