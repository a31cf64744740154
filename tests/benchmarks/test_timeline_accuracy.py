"""The benchmark of timelines: runs hold each clip once, and answers move with their clips."""

import itertools

import numpy as np
import pytest

from voxjax.benchmarks import timeline_accuracy as bench
from voxjax.inference.answers import Vote
from voxjax.inference.timeline_segments import Answer
from voxjax.inference.timeline_windows import Window
from voxjax.metrics.segmentation import Stretch

RATE_HZ = 100


def recording():
    """Three clips of 2, 3 and 4 s, each with speech from 0.5 s on for a second."""
    starts = [0.0, 2.0, 5.0]
    truth = [Stretch(start + 0.5, start + 1.5, label) for start, label in zip(starts, (0, 1, 0), strict=True)]
    return bench.Recording(np.zeros(9 * RATE_HZ, np.float32), RATE_HZ, starts, truth, [4, 5, 6])


def test_runs_hold_each_clip_once_and_at_most_five_of_one_emotion():
    emotions = np.random.default_rng(0).integers(3, size=60).tolist()
    order = bench._in_runs(emotions, np.random.default_rng(1))
    assert sorted(order) == list(range(60))
    alone = np.random.default_rng(0).permutation(60).tolist()
    lengths = [len([emotions[i] for i in own]) for _, own in itertools.groupby(order, lambda i: emotions[i])]
    random = [len(list(own)) for _, own in itertools.groupby(alone, lambda i: emotions[i])]
    assert np.mean(lengths) > np.mean(random)


def test_answers_move_with_their_clips():
    before = recording()
    after = bench._reordered(before, [2, 0, 1])
    assert after.starts_s == [0.0, 4.0, 6.0] and after.speakers == [6, 4, 5]
    assert [(one.start_s, one.end_s, one.label) for one in after.truth] == [(0.5, 1.5, 0), (4.5, 5.5, 0), (6.5, 7.5, 1)]
    vote = Vote(np.zeros(2), 0.0)
    answers = [Answer(Window(a, b, a, b, 1.0, i), vote, 1.0) for i, (a, b, _) in enumerate(before.truth)]
    moved = bench._moved(answers, before, after, [2, 0, 1])
    assert [(one.window.start_s, one.window.end_s) for one in moved] == [(4.5, 5.5), (6.5, 7.5), (0.5, 1.5)]


def test_a_perfect_reading_scores_one_and_a_late_one_loses_its_boundaries():
    truth = recording()
    perfect = bench._figures(bench._counts(truth, truth.truth, 7, 2))
    assert (perfect["uar"], perfect["boundary_f1"], perfect["change_f1"], perfect["pauses_answered"]) == (1, 1, 1, 0)
    assert perfect["speakers"] == 3 and perfect["uar_ci"] == (1.0, 1.0)
    late = [one._replace(start_s=one.start_s + 0.7, end_s=one.end_s + 0.7) for one in truth.truth]
    found = bench._figures(bench._counts(truth, late, 7, 2))
    assert found["boundary_f1"] == 0 and found["uar"] == pytest.approx(0.3, abs=0.02)


def test_speech_of_a_clean_clip_is_within_35_db_of_its_loudest_frame():
    samples = np.full(1000, 1e-4, np.float32)
    samples[300:600] = 0.1
    assert bench.spoken(samples, RATE_HZ) == (300, 600)
