"""Names in any script: fonts that are here beside the one that comes with matplotlib, and what to draw without them."""

import functools
import logging

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

logging.getLogger(font_manager.__name__).setLevel(logging.ERROR)  # a fallback without a bold face is no news

MAIN = "DejaVu Sans"  # comes with matplotlib, so that pictures are alike everywhere
# Tried in turn, letter by letter, where they are installed: on Linux, Windows and macOS.
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
    """The text with every letter that no font here has as its number: "高兴" as "‹9AD8›‹5174›"."""
    return "".join(letter if ord(letter) in _letters() else f"‹{ord(letter):04X}›" for letter in text)


@functools.cache
def _letters() -> frozenset[int]:
    """The code points that can be drawn."""
    paths = [font_manager.findfont(name) for name in families()]
    return frozenset().union(*(FT2Font(path).get_charmap() for path in paths))
