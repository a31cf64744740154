"""Tiers of TextGrids and EAF files become spans; broken files get one line, and entities are not expanded."""

import pytest

from voxjax.annotation.spans import Span

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 3
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "she said ""intervals [3]: 7"", ! 4 <exists>
and item [2]: left"
        intervals [3]:
            xmin = 1.25
            xmax = 3
            text = "高兴 😀"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 3
        points: size = 1
        points [1]:
            number = 1
            mark = "x"
    item [3]:
        class = "IntervalTier"
        name = "näme"
        xmin = 0
        xmax = 3
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 3
            text = "all"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
1
"IntervalTier"
"one ""tier"" here"
0 ! a comment with a "quote" and 5
2
2
0
1
" "
1
2
"b"
"""
WORDS = [
    Span(0.5, 1.25, columns={"label": 'she said "intervals [3]: 7", ! 4 <exists>\nand item [2]: left'}),
    Span(1.25, 3, columns={"label": "高兴 😀"}),
]

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
<TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
<TIME_SLOT TIME_SLOT_ID="ts2"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1500"/>
</TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="l" TIER_ID="A">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>tea &amp; &lt;milk&gt;</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE/></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER LINGUISTIC_TYPE_REF="l" PARENT_REF="A" TIER_ID="sub">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a2"><ANNOTATION_VALUE>x</ANNOTATION_VALUE>
</REF_ANNOTATION></ANNOTATION>
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a2" PREVIOUS_ANNOTATION="a3"><ANNOTATION_VALUE>y
</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
</TIER>
</ANNOTATION_DOCUMENT>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_tier_of_a_textgrid_is_read(given, encoding):
    assert given(LONG.encode(encoding), "a.TextGrid", "words") == {"": WORDS}
    assert given(LONG.encode(encoding), "a.TextGrid", "näme") == {"": [Span(0, 3, columns={"label": "all"})]}


def test_a_short_textgrid_of_one_tier_needs_no_name_and_may_be_in_latin_1(given):
    assert given(SHORT, "a.txt") == {"": [Span(1, 2, columns={"label": "b"})]}
    assert given(SHORT.replace('"b"', '"bö"').encode("latin-1")) == {"": [Span(1, 2, columns={"label": "bö"})]}


def test_a_tier_of_an_eaf_file_is_read_with_times_of_open_slots_and_parents(given):
    assert given(EAF, "a.xml", "A") == {"": [Span(0.5, 1.0, columns={"label": "tea & <milk>"})]}
    assert given(EAF, "a.eaf", "sub")[""] == [
        Span(1, 1.25, columns={"label": "x"}),
        Span(1.25, 1.5, columns={"label": "y"}),
    ]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (LONG, "", "an empty file"),
        ("xmax = 1.25\n", "xmax = 0.25\n", "line 21: expected an end after the start, found 0.5 to 0.25 s"),
        ("xmin = 0.5\n", "xmin = -0.5\n", "line 21: expected a start of 0 s or later"),
        ("xmax = 1.25\n", "xmax = --undefined--\n", "line 21: expected a time in seconds, found '--undefined--'"),
        ("xmax = 1.25\n", "xmax = nan\n", "line 21: expected a time in seconds, found 'nan'"),
        ("xmax = 1.25\n", "\n", "line 22: expected a number, found"),
        ("size = 3\nitem", "size = 4\nitem", "expected a text in double quotes, found the end of the file"),
        ("intervals: size = 3", "intervals: size = 2.5", "line 14: expected a whole number, found '2.5'"),
        ('text = "all"', 'text = "all', "found the end of the file"),
        ("IntervalTier", "Interval", "expected IntervalTier or TextTier, found 'Interval'"),
        ('"TextGrid"', '"PitchTier"', "expected a Praat TextGrid"),
        ('"words"', '"näme"', "expected one tier 'näme', found 'näme', 'näme'; give the tiers different names"),
    ],
)
def test_a_broken_textgrid_gets_one_line(error_of, old, new, found):
    assert found in error_of(LONG.replace(old, new), "a.TextGrid", "näme" if "näme" in new else "words")


def test_an_unknown_or_missing_tier_gets_the_list_of_tiers(error_of):
    assert "expected the tier 'Words', found 'words', 'näme'; name one" in error_of(LONG, "a.TextGrid", "Words")
    assert "expected the tier 'clicks', found 'words', 'näme'" in error_of(LONG, "a.TextGrid", "clicks")
    assert "or the name of one, found 'words', 'näme'; name one with --tier" in error_of(LONG, "a.TextGrid")
    assert "expected the tier 'B', found 'A', 'sub'" in error_of(EAF, "a.eaf", "B")
    assert "'A', 'sub'; name one with --tier" in error_of(EAF, "a.eaf")
    assert "expected a file with the tier 'B'" in error_of("start,end\n0,1\n", "a.csv", "B")


def test_other_files_of_praat_are_named(error_of):
    assert "a binary TextGrid" in error_of(b"ooBinaryFile\x08TextGrid\x00\x00", "a.TextGrid")
    assert "a chronological TextGrid" in error_of('"Praat chronological TextGrid text file"\n0 1\n', "a.TextGrid")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("</TIER>", "", "line 21: expected an EAF file, found mismatched tag"),
        ('TIME_VALUE="1500"', 'TIME_VALUE="x"', "time slot 'ts3': expected a time in seconds, found 'x'"),
        ('TIME_VALUE="1500"', 'TIME_VALUE="400"', "line 10: expected an end after the start, found 0.5 to 0.45 s"),
        ('TIME_VALUE="1500"', "", "line 10: expected the time slot 'ts2', found none with a time"),
        ('TIME_SLOT_REF1="ts1"', 'TIME_SLOT_REF1="ts9"', "line 10: expected the time slot 'ts9'"),
        ('TIME_SLOT_REF1="ts1"', "", "line 10: expected an EAF file, found no attribute 'TIME_SLOT_REF1'"),
        ('ANNOTATION_ID="a2"', 'ANNOTATION_ID="a1"', "line 12: expected an EAF file, found the annotation 'a1' twice"),
        ("tea &amp; &lt;milk&gt;", "", "expected annotations with labels, found none"),
        ("&amp;", "&bomb;", "line 11: expected an EAF file, found undefined entity"),
        ("<TIER", "<TEAR", "mismatched tag"),
    ],
)
def test_a_broken_eaf_file_gets_one_line(error_of, old, new, found):
    assert found in error_of(EAF.replace(old, new), "a.eaf", "A")


def test_a_dangling_or_circular_reference_in_an_eaf_file_gets_one_line(error_of):
    dangling = EAF.replace('ANNOTATION_REF="a2"', 'ANNOTATION_REF="a9"')
    assert "line 16: expected the annotation 'a9' that it refers to, found none" in error_of(dangling, "a.eaf", "sub")
    circle = EAF.replace('ANNOTATION_REF="a2"', 'ANNOTATION_REF="a4"')
    assert "found a circle of them" in error_of(circle, "a.eaf", "sub")


def test_entities_of_an_eaf_file_are_not_expanded(error_of):
    """A few hundred bytes that would become 10^12 letters."""
    levels = "".join(f'<!ENTITY b{i} "{f"&b{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY b0 "lol">{levels}]>'
    head, rest = EAF.split("?>\n", 1)
    text = f"{head}?>\n{bomb}\n{rest.replace('&amp;', '&b11;')}"
    assert "line 2: expected an EAF file, found a declaration of XML entities" in error_of(text, "a.eaf", "A")
    text = f'{head}?>\n<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>\n{rest.replace("&amp;", "&f;")}'
    assert "declaration of XML entities" in error_of(text, "a.eaf", "A")
