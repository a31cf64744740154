"""Intervals of proportions, compared with SciPy's."""

import numpy as np
import pytest
from scipy import stats

from voxjax.metrics import proportions


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (3, 4), (150, 300), (300, 300)])
def test_wilson_equals_scipys(hits, n):
    reference = stats.binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert proportions.wilson(hits / n, n) == pytest.approx([reference.low, reference.high], abs=1e-6)


def test_one_clip_has_a_wide_interval_and_300_a_narrow_one():
    low, high = proportions.uar_interval(np.array([[1, 0], [0, 0]]))
    assert low < 0.25 and high == 1.0
    low, high = proportions.uar_interval(np.array([[150, 0], [0, 150]]))
    assert low > 0.98 and high == 1.0


def test_the_interval_of_balanced_classes_is_that_of_all_clips():
    assert proportions.uar_interval(np.array([[8, 2], [4, 6]])) == pytest.approx(proportions.wilson(0.7, 20))


def test_a_class_of_few_clips_widens_it_as_simulated():
    """The recall of 4 clips counts as much as that of 100."""
    low, high = proportions.uar_interval(np.array([[2, 2], [40, 60]]))
    uars = np.random.default_rng(0).binomial([4, 100], [0.5, 0.6], (20_000, 2)) / [4, 100]
    assert high - low == pytest.approx(2 * 1.96 * uars.mean(1).std(), rel=0.2)
    assert high - low > 1.5 * np.diff(proportions.wilson(0.55, 104))[0]
