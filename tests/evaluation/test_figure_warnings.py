"""Figures that rest on too little, or on clips unlike the training clips, say so."""

import dataclasses

import numpy as np
import pytest

from tests.reporting.test_run_report import run as example
from voxjax.evaluation import figures
from voxjax.metrics import calibration, classification
from voxjax.reporting import run_report


def warnings(**changes):
    return " ".join(figures.measure(dataclasses.replace(example(), **changes))["warnings"])


@pytest.mark.parametrize(("speakers", "said"), [(4, True), (5, False)])
def test_intervals_over_few_speakers_are_said_to_mean_nothing(speakers, said):
    names = [f"s{i % speakers}" for i in range(len(example().truth))]
    assert (f"over {speakers} speakers" in warnings(speakers=names)) == said


@pytest.mark.parametrize(("count", "said"), [(2, True), (3, False)])
def test_labels_with_few_clips_are_named(count, said):
    truth = np.zeros_like(example().truth)
    truth[:count] = 1
    truth[count:] = 2 + np.arange(len(truth) - count) % (len(example().labels) - 2)
    assert (f"{example().labels[1]} ({count})" in warnings(truth=truth)) == said


def test_clips_unlike_the_training_clips_have_figures_of_their_own(tmp_path):
    base = example()
    beyond = np.arange(len(base.truth)) % 4 == 0
    run = dataclasses.replace(base, distances=np.where(beyond, 2.0, 0.5))
    found = run_report.write_report(tmp_path, run)
    assert found["domain"]["outside"] == pytest.approx(beyond.mean())
    after = calibration.calibrated_probabilities(base.logits, np.asarray(base.temperature)[..., None])
    for name, chosen in (("inside", ~beyond), ("beyond", beyond)):
        part = found["domain"][name]
        assert part["n"] == chosen.sum()
        assert part["accuracy"] == pytest.approx((after.argmax(-1) == base.truth)[chosen].mean())
        assert part["ece"] == pytest.approx(classification.ece(after[chosen], base.truth[chosen]))
    assert any("25% of the clips are unlike" in text for text in found["warnings"])
    assert "Likeness to the training recordings" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_usual_fraction_of_unlike_clips_has_no_warning():
    beyond = np.arange(len(example().truth)) % 20 == 0
    assert "unlike" not in warnings(distances=np.where(beyond, 2.0, 0.5))


def test_unknown_distances_leave_no_field():
    assert "domain" not in figures.measure(example())
