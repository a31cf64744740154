"""Names in any script are drawn, or their letters' numbers are: never boxes, never a warning."""

import numpy as np
import pytest

from voxjax.reporting import fonts, plots

NAMES = ["高兴", "Freude ü", "غضب", "क्रोध", "😀"]


def test_what_the_main_font_has_stays_as_it_is():
    assert fonts.families()[0] == fonts.MAIN
    assert fonts.drawable("Freude ü, здравей, 70 %") == "Freude ü, здравей, 70 %"


@pytest.fixture
def bare(monkeypatch):
    """Only the font that comes with matplotlib."""
    monkeypatch.setattr(fonts, "families", lambda: [fonts.MAIN])
    fonts._letters.cache_clear()
    yield
    fonts._letters.cache_clear()


def test_letters_without_a_font_become_their_numbers(bare):
    assert fonts.drawable("高兴 1") == "‹9AD8›‹5174› 1"


@pytest.mark.parametrize("installed", ["bare", "installed"])
def test_a_matrix_of_any_names_is_drawn_without_a_warning(installed, request):
    """Warnings are errors here, matplotlib's of a missing glyph too."""
    if installed == "bare":
        request.getfixturevalue("bare")
    picture = plots.pixels(plots.confusion(NAMES, np.eye(len(NAMES), dtype=int), "语料 x"))
    assert (picture < 128).any()
    other = plots.pixels(plots.confusion(["恐惧", *NAMES[1:]], np.eye(len(NAMES), dtype=int), "语料 x"))
    assert picture.shape != other.shape or (picture != other).any(), "another name is another picture"
