"""Labels in any script are drawn, or their code points, without boxes or warnings."""

import numpy as np
import pytest

from voxjax.reporting import fonts, plots

LABELS = ["高兴", "Freude ü", "غضب", "क्रोध", "😀"]


def test_characters_of_the_main_font_are_kept():
    assert fonts.families()[0] == fonts.MAIN
    assert fonts.drawable("Freude ü, здравей, 70 %") == "Freude ü, здравей, 70 %"


@pytest.fixture
def bare(monkeypatch):
    """Only the font that comes with matplotlib."""
    monkeypatch.setattr(fonts, "families", lambda: [fonts.MAIN])
    fonts._code_points.cache_clear()
    yield
    fonts._code_points.cache_clear()


def test_characters_without_a_font_become_their_code_points(bare):
    assert fonts.drawable("高兴 1") == "‹9AD8›‹5174› 1"


@pytest.mark.parametrize("installed", ["bare", "installed"])
def test_a_matrix_of_any_labels_is_drawn_without_a_warning(installed, request):
    """Warnings are errors here, including matplotlib's of a missing glyph."""
    if installed == "bare":
        request.getfixturevalue("bare")
    picture = plots.pixels(plots.confusion(LABELS, np.eye(len(LABELS), dtype=int), "语料 x"))
    assert (picture < 128).any()
    other = plots.pixels(plots.confusion(["恐惧", *LABELS[1:]], np.eye(len(LABELS), dtype=int), "语料 x"))
    assert picture.shape != other.shape or (picture != other).any(), "another label gives another picture"
