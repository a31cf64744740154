import io

import numpy as np
import pytest
from PIL import Image

from voxjax.metrics import classification
from voxjax.reporting import plots

LABELS = ("neutral", "surprised", r"$\oops$", "a label that is much too long to print")
COUNTS = np.array([[7, 3, 0, 0], [0, 1200, 0, 1], [0, 0, 0, 0], [2, 0, 0, 2]])
HISTORY = [
    {"epoch": e, "train_loss": 2 / e, "valid_loss": 2.2 / e, "valid_uar": uar}
    for e, uar in enumerate((0.2, 0.5, 0.7, 0.6), start=1)
]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_confusion_has_fraction_and_count_of_every_cell_with_clips():
    figure = plots.confusion(LABELS, COUNTS)
    found = texts(figure.axes[0])
    assert found == ["70%", "7", "30%", "3", "100%", "1200", "0%", "1", "50%", "2", "50%", "2"]


MANY = "vote of " + ", ".join(["whisper_statistics_base"] * 7) + " on ravdess, protocol speaker5"


@pytest.mark.parametrize("title", ["optimized on ravdess", MANY, "W" * 60])
def test_confusion_clips_no_label(title):
    figure = plots.confusion(LABELS, COUNTS, title)
    plots.pixels(figure)
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names[:3] == list(LABELS[:3])
    width, height = figure.bbox.size
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title, axes.xaxis.label):
        box = text.get_window_extent()
        assert 0 <= box.x0 <= box.x1 <= width, text
        assert 0 <= box.y0 <= box.y1 <= height, text


def test_a_script_that_no_font_has_is_not_an_error():
    assert plots.png(plots.confusion(("怒り", "喜び"), np.eye(2, dtype=int)))[:4] == b"\x89PNG"


def test_history_marks_the_best_validation_epoch():
    left, right = plots.history(HISTORY).axes
    kept = [line for line in right.lines if str(line.get_label()).startswith("kept")]
    assert [line.get_label() for line in kept] == ["kept: epoch 3, UAR 70.0%"]
    assert (kept[0].get_xdata()[0], kept[0].get_ydata()[0]) == (3, 0.7)
    assert {line.get_label() for line in left.lines} >= {"training", "validation"}


def test_a_row_marked_kept_takes_precedence_over_the_best():
    rows = [row | {"kept": row["epoch"] == 2} for row in HISTORY]
    assert plots.kept_epoch(rows)["epoch"] == 2
    assert plots.kept_epoch([]) is None


def test_history_of_several_folds_shows_their_mean():
    rows = [row | {"fold": fold, "valid_uar": row["valid_uar"] + 0.1 * fold} for fold in (0, 1) for row in HISTORY]
    right = plots.history(rows[:-1]).axes[1]  # the second fold stopped an epoch earlier
    mean = next(line for line in right.lines if line.get_label() == "validation UAR, mean of 2")
    np.testing.assert_array_equal(mean.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(mean.get_ydata(), [0.25, 0.55, 0.75])


def test_history_of_one_epoch_is_visible():
    """As of a model fitted in closed form: points instead of lines, and integer epochs on the axis."""
    rows = [HISTORY[0] | {"fold": fold} for fold in range(3)]
    for axes in plots.history(rows).axes:
        means = [line for line in axes.lines if "mean of 3" in str(line.get_label())]
        assert means and all(line.get_marker() == "o" for line in means)
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_history_skips_what_is_not_finite():
    left = plots.history([HISTORY[0], HISTORY[1] | {"valid_loss": float("nan")}, HISTORY[2]]).axes[0]
    line = next(line for line in left.lines if line.get_label() == "validation")
    np.testing.assert_array_equal(line.get_xdata(), [1, 3])


def test_reliability_bars_are_the_bins():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    bins = classification.reliability(probabilities, np.array([0, 1, 1]))
    upper = plots.reliability({"Before": bins, "After": bins}).axes[0]
    heights = [bar.get_height() for bar in upper.patches[: classification.ECE_BINS]]
    np.testing.assert_allclose(heights, bins["accuracy"])
    assert upper.get_title("left") == "Before"


def test_coverage_ends_at_the_plain_accuracy():
    rows = [{"coverage": 0.5, "accuracy": 1.0}, {"coverage": 1.0, "accuracy": 0.75}]
    assert texts(plots.coverage(rows).axes[0]) == ["all clips answered: 75.0%"]


@pytest.mark.parametrize("draw", [lambda: plots.history(HISTORY), lambda: plots.confusion(LABELS, COUNTS)])
def test_the_same_picture_gives_the_same_bytes(draw):
    first, second = plots.png(draw()), plots.png(draw())
    assert first == second
    with Image.open(io.BytesIO(first)) as image:
        assert min(image.size) > 500


def test_ticks_of_the_coverage_plot_are_not_rounded():
    rows = [{"coverage": 0.5, "accuracy": 1.0}, {"coverage": 1.0, "accuracy": 0.93}]
    figure = plots.coverage(rows)
    plots.pixels(figure)  # ticks are placed when it is drawn
    axis = figure.axes[0].yaxis
    labels = [label.get_text() for label in axis.get_ticklabels()]
    assert {"82.5%", "85%", "87.5%"} <= set(labels)
    assert [float(label.strip("%")) for label in labels] == pytest.approx([100 * tick for tick in axis.get_ticklocs()])
