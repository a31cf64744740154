"""Fonts for labels in any script, and a replacement for characters that no installed font has."""

import functools
import logging

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

logging.getLogger(font_manager.__name__).setLevel(logging.ERROR)  # it warns of fallbacks without a bold face

MAIN = "DejaVu Sans"  # comes with matplotlib, so that plots look the same everywhere
# Tried in this order for each character, if installed: on Linux, Windows and macOS.
FALLBACKS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "IPAexGothic",
    "Microsoft YaHei",
    "MS Gothic",
    "Malgun Gothic",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Hebrew",
    "Noto Sans Thai",
    "Arial Unicode MS",
)


@functools.cache
def families() -> list[str]:
    """The main font, and the fallbacks that are installed."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [MAIN, *(name for name in FALLBACKS if name in installed)]


def drawable(text: str) -> str:
    """The text, with each character that no installed font has replaced by its code point: "高兴" as "‹9AD8›‹5174›"."""
    return "".join(character if ord(character) in _code_points() else f"‹{ord(character):04X}›" for character in text)


@functools.cache
def _code_points() -> frozenset[int]:
    """Code points of all installed fonts in `families`."""
    paths = [font_manager.findfont(name) for name in families()]
    return frozenset().union(*(FT2Font(path).get_charmap() for path in paths))
