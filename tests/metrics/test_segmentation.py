"""Agreement of segments: against hand-made cases, and matching against the best of all matchings."""

import itertools

import numpy as np
import pytest

from voxjax.metrics import segmentation
from voxjax.metrics.segmentation import NONE, Stretch


def test_frames_have_the_class_at_their_middle():
    stretches = [Stretch(0.1, 0.25, 1), Stretch(0.4, 9.0, NONE)]
    assert segmentation.frame_labels(stretches, 6, 0.1).tolist() == [NONE, 1, NONE, NONE, NONE, NONE]
    assert segmentation.frame_labels([Stretch(0.04, 0.26, 2)], 4, 0.1).tolist() == [2, 2, 2, NONE]


def test_recall_is_a_mean_over_classes_that_occur():
    truth, predicted = np.array([0, 0, 0, 0, 1, 1, NONE]), np.array([0, 0, 1, NONE, 1, 0, 1])
    counts = segmentation.confusion(truth, predicted, 3)
    assert counts.tolist() == [[2, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert segmentation.recall(counts) == pytest.approx((2 / 4 + 1 / 2) / 2)


def test_the_interval_is_narrow_where_speakers_agree_and_wide_where_not():
    alike = np.tile([[[9, 1, 0], [1, 9, 0]]], (10, 1, 1))
    assert segmentation.recall_interval(alike) == pytest.approx((0.9, 0.9))
    unlike = np.concatenate(
        [np.tile([[[10, 0, 0], [0, 10, 0]]], (5, 1, 1)), np.tile([[[0, 10, 0], [10, 0, 0]]], (5, 1, 1))]
    )
    low, high = segmentation.recall_interval(unlike)
    assert low < 0.35 and high > 0.65


def test_boundaries_and_changes():
    stretches = [Stretch(3.0, 4.0, 1), Stretch(0.0, 1.0, 0), Stretch(1.0, 2.0, 1)]
    assert segmentation.boundaries(stretches) == ([0.0, 1.0, 3.0], [1.0, 2.0, 4.0])
    assert segmentation.changes(stretches) == [1.0]
    assert segmentation.changes([Stretch(0.0, 1.0, 0), Stretch(2.0, 3.0, 1)]) == [1.5]


@pytest.mark.parametrize("seed", range(8))
def test_hits_are_the_greatest_number_of_pairs(seed):
    random = np.random.default_rng(seed)
    true, found = random.uniform(0, 3, 4), random.uniform(0, 3, 5)
    best = max(
        sum(abs(a - b) <= 0.5 for a, b in zip(true, own, strict=True))
        for own in itertools.permutations(found, len(true))
    )
    assert segmentation.hits(true.tolist(), found.tolist(), 0.5) == best


def test_f1():
    assert segmentation.f1(3, 4, 6) == pytest.approx(2 * 0.75 * 0.5 / (0.75 + 0.5))
    assert segmentation.f1(0, 0, 0) == 0.0


def test_a_later_stretch_wins_and_halves_of_frames_belong_to_the_next():
    stretches = [Stretch(-1.0, 0.35, 0), Stretch(0.2, 0.5, 2), Stretch(0.55, 0.65, 1)]
    assert segmentation.frame_labels(stretches, 8, 0.1).tolist() == [0, 0, 2, 2, 2, 1, NONE, NONE]
    assert segmentation.frame_labels([], 2, 0.1).tolist() == [NONE, NONE]
    assert segmentation.frame_labels([Stretch(0.5, 1.5, 3)], 2, 1.0).tolist() == [3, NONE]  # a middle at the start
    assert segmentation.frame_labels([Stretch(-2.0, -1.0, 3)], 2, 1.0).tolist() == [NONE, NONE]
    assert segmentation.frame_labels([], 2, 0.1).dtype == np.int64 and NONE == -1


def test_a_recall_of_classes_without_frames_is_0():
    assert segmentation.recall(np.zeros((2, 3), int)) == 0.0
    several = np.array([[[3, 1, 0], [0, 0, 0]], [[1, 0, 1], [0, 6, 2]], [[1, 0, 0], [1, 0, 0]]])
    np.testing.assert_allclose(segmentation.recall(several), [0.75, 0.625, 0.5])


def test_the_interval_is_of_speakers_drawn_with_replacement():
    random = np.random.default_rng(2)
    counts = random.integers(0, 9, (7, 3, 4))
    for more in ({}, {"draws": 50, "seed": 3}):
        generator = np.random.default_rng(more.get("seed", 0))
        chosen = generator.integers(7, size=(more.get("draws", 2_000), 7))
        recalls = []
        for draw in chosen:
            total = sum(counts[one] for one in draw)
            recalls.append(np.mean([row[k] / row.sum() for k, row in enumerate(total)]))
        low, high = segmentation.recall_interval(counts, **more)
        assert (low, high) == pytest.approx(tuple(np.percentile(recalls, (2.5, 97.5))))
        assert type(low) is type(high) is float


@pytest.mark.parametrize(
    ("true", "found", "hits"),
    [([], [1.0], 0), ([1.0], [], 0), ([1.0], [1.5], 1), ([1.5], [1.0], 1), ([1.0], [1.51], 0), ([1.51], [1.0], 0),
     ([1.0, 1.2], [1.1], 1), ([1.1], [1.2, 1.0], 1), ([3.0, 1.0], [0.2, 2.8, 0.9], 2), ([1.0, 1.4], [1.2, 1.8], 2)],
)  # fmt: skip
def test_pairs_within_the_tolerance_of_half_a_second(true, found, hits):
    assert segmentation.hits(true, found, 0.5) == hits


def test_equal_neighbours_are_no_change():
    stretches = [Stretch(0.0, 1.0, 1), Stretch(1.5, 2.0, 1), Stretch(3.0, 4.0, NONE)]
    assert segmentation.changes(stretches) == [2.5] and segmentation.changes(stretches[:1]) == []


def test_f1_is_between_0_and_1():
    assert segmentation.f1(1, 1, 1) == 1.0 and segmentation.f1(0, 3, 2) == 0.0 and segmentation.f1(1, 3, 2) == 0.4
