"""The picture of an explanation: its title, its patches at their places, and their colours."""

import math

import matplotlib.image
import numpy as np

from voxjax.attribution.explanation import Attribution, Explanation
from voxjax.attribution.spectral_patches import Division, divided
from voxjax.reporting import attribution_plot, plots


def explanation(label, *methods):
    """A quiet clip of 1 s in which a patch raised a label, and the patch after it lowered it."""
    grid = divided(1.0, 16_000, Division(0.25, 4))
    effects = np.zeros(grid.shape)
    effects[1, 2], effects[2, 2] = 1.0, -1.0
    found = tuple(Attribution(method, effects, math.nan) for method in methods)
    answer = {"emotion": "sad", "confidence": 0.9, "probabilities": {"sad": 0.9, "$happy$": 0.1}, "warnings": []}
    levels = np.full((128, 257), -90.0)
    probability = answer["probabilities"][label]
    return Explanation(answer, label, probability, 3.0, grid, levels, np.arange(128) * 0.008, 16_000, found)


def drawn(tmp_path, *arguments):
    (tmp_path / "a.png").write_bytes(attribution_plot.draw("a.wav", explanation(*arguments)))
    return matplotlib.image.imread(tmp_path / "a.png")[..., :3]


def near(picture, color):
    """Columns in which any pixel has nearly this colour."""
    wanted = np.array(matplotlib.colors.to_rgb(color))
    mixed = attribution_plot._MOST_OPAQUE * wanted + 1.0 - attribution_plot._MOST_OPAQUE  # over white
    return np.flatnonzero((np.abs(picture - mixed).max(axis=-1) < 0.02).sum(axis=0) > 20)


def test_what_raised_is_orange_and_what_lowered_is_blue(tmp_path):
    picture = drawn(tmp_path, "sad", "occlusion")
    left = picture[:, : round(0.74 * picture.shape[1])]  # without the scale of colours
    orange, blue = near(left, plots.ORANGE), near(left, plots.BLUE)
    assert len(orange) > 50 and len(blue) > 50
    assert orange.max() < blue.min() + 3  # it comes first


def test_two_methods_are_drawn_one_below_the_other_and_any_label_is_text(tmp_path):
    one, two = (drawn(tmp_path, "$happy$", *methods) for methods in (("occlusion",), ("occlusion", "gradients")))
    assert two.shape[1] == one.shape[1] and two.shape[0] > 1.8 * one.shape[0]
