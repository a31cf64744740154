"""TextGrid, EAF, WebVTT and RTTM are read back by Praat itself, ElementTree, webvtt-py and pyannote."""

import dataclasses
import pathlib
import re
import sys
from xml.etree import ElementTree

import pandas as pd
import parselmouth
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from parselmouth.praat import call
from pyannote.database.util import load_rttm

from voxjax import annotation
from voxjax.errors import UsageError
from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats import TIMELINE_FORMATS, csv_table
from voxjax.inference.timeline_formats.base import check_installed

LABELS = ("say \"no\" 'x'", "tab\there", "two\nlines", "Glück <&> ü", "高兴", "😀 --> 00:01", "a\\b %c_d", "\x07 bell")
SPEAKERS = ("", 'Ann "A" <&>', "二", "x\ty\nz")


def segment(start_s, end_s, emotion="happy", speaker="", confidence=0.87, **more):
    return Segment(start_s, end_s, speaker, emotion, confidence, {emotion or "happy": confidence}, **more)


def timeline(*segments, path="folder/mein Gespräch.wav", duration_s=10.0, **more):
    return Timeline(path, duration_s, "model", LABELS, sorted(segments, key=lambda one: one.start_s), **more)


WILD = timeline(*(segment(i, i + 0.75, emotion, SPEAKERS[i % 4]) for i, emotion in enumerate(LABELS)))


def written(tmp_path, name, *timelines):
    path = tmp_path / f"out{TIMELINE_FORMATS[name].suffix}"
    path.write_bytes(TIMELINE_FORMATS[name].write(timelines))
    return path


def praat_tiers(path):
    """Start, end and label of all intervals by the name of their tier, as Praat reads them."""
    grid = parselmouth.read(str(path))
    found = {}
    for tier in range(1, call(grid, "Get number of tiers") + 1):
        count = call(grid, "Get number of intervals", tier)
        found[call(grid, "Get tier name", tier)] = [
            (
                round(call(grid, "Get start time of interval", tier, i), 6),
                round(call(grid, "Get end time of interval", tier, i), 6),
                call(grid, "Get label of interval", tier, i),
            )
            for i in range(1, count + 1)
        ]
    return found


def eaf_tiers(path):
    """Start, end in seconds and value of all annotations by tier; the file's structure is checked on the way."""
    assert path.read_bytes().startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    root = ElementTree.parse(path).getroot()
    order = [child.tag for child in root]
    assert order == sorted(order, key=("HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "CONSTRAINT").index)
    assert root.get("FORMAT") == "3.0" and root.find("HEADER").get("TIME_UNITS") == "milliseconds"
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    types = {one.get("LINGUISTIC_TYPE_ID"): one.attrib for one in root.iter("LINGUISTIC_TYPE")}
    ids = [one.get("ANNOTATION_ID") for one in root.iter() if one.get("ANNOTATION_ID")]
    assert len(ids) == len(set(ids)) and len(slots) == len(list(root.iter("TIME_SLOT")))
    found, times = {}, {}
    for tier in root.iter("TIER"):
        constraint = types[tier.get("LINGUISTIC_TYPE_REF")].get("CONSTRAINTS")
        assert (constraint == "Symbolic_Association") == (tier.get("PARENT_REF") is not None)
        rows = found[tier.get("TIER_ID")] = []
        for one in tier.iterfind("ANNOTATION/*"):
            if one.tag == "ALIGNABLE_ANNOTATION":
                start, end = (slots[one.get(f"TIME_SLOT_REF{i}")] / 1000 for i in (1, 2))
                times[one.get("ANNOTATION_ID")] = start, end
            else:
                start, end = times[one.get("ANNOTATION_REF")]
            rows.append((start, end, one.findtext("ANNOTATION_VALUE")))
    return found


def test_praat_reads_a_textgrid_that_covers_the_recording(tmp_path):
    found = praat_tiers(
        written(tmp_path, "textgrid", timeline(segment(1, 2.5), segment(2.5, 4, "sad", confidence=0.5)))
    )
    assert found == {
        "emotion": [(0, 1, ""), (1, 2.5, "happy"), (2.5, 4, "sad"), (4, 10, "")],
        "confidence": [(0, 1, ""), (1, 2.5, "0.870"), (2.5, 4, "0.500"), (4, 10, "")],
    }


def test_praat_reads_any_label_and_speaker(tmp_path):
    found = praat_tiers(written(tmp_path, "textgrid", WILD))
    names = ["", ' Ann "A" <&>', " 二", " x y z"]
    assert list(found) == [f"{kind}{name}" for kind in ("emotion", "confidence") for name in names]
    labels = {start: label for name in names for start, _, label in found[f"emotion{name}"] if label}
    assert labels == {**dict(enumerate(LABELS)), 7: "\\x07 bell"}


def test_a_textgrid_is_in_the_long_format_and_read_by_our_reader(tmp_path):
    path = written(tmp_path, "textgrid", WILD)
    assert path.read_text(encoding="utf-8").startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin')
    spans = annotation.read(path, 'emotion Ann "A" <&>')[""]
    assert [(span.start_s, span.end_s, span.columns["label"]) for span in spans] == [
        (1, 1.75, LABELS[1]),
        (5, 5.75, LABELS[5]),
    ]


@pytest.mark.parametrize("name", ["textgrid", "eaf"])
def test_segments_of_one_speaker_that_overlap_get_tiers_of_their_own(tmp_path, name):
    overlapping = timeline(segment(0, 3), segment(1, 2, "sad"), segment(2, 4, "calm"), segment(1, 9, "sad", "2"))
    path = written(tmp_path, name, overlapping)
    found = praat_tiers(path) if name == "textgrid" else eaf_tiers(path)
    labelled = {tier: [row for row in rows if row[2]] for tier, rows in found.items() if tier.startswith("emotion")}
    assert labelled == {
        "emotion": [(0, 3, "happy")],
        "emotion 2": [(1, 2, "sad"), (2, 4, "calm")],
        "emotion 2 2": [(1, 9, "sad")],  # of the speaker "2"
    }


def test_an_eaf_file_has_the_structure_of_the_schema(tmp_path):
    path = written(tmp_path, "eaf", timeline(segment(1, 2.5, speaker="A"), segment(1, 2, "sad", "B", confidence=0.5)))
    assert eaf_tiers(path) == {
        "emotion A": [(1, 2.5, "happy")],
        "confidence A": [(1, 2.5, "0.870")],
        "emotion B": [(1, 2, "sad")],
        "confidence B": [(1, 2, "0.500")],
    }
    root = ElementTree.parse(path).getroot()
    assert [tier.get("PARTICIPANT") for tier in root.iter("TIER")] == ["A", "A", "B", "B"]
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media.get("RELATIVE_MEDIA_URL") == "./mein Gespräch.wav" and media.get("MIME_TYPE") == "audio/x-wav"


def test_an_eaf_file_holds_any_label_and_speaker_and_is_the_same_each_time(tmp_path):
    path = written(tmp_path, "eaf", WILD)
    found = {start: text for name, rows in eaf_tiers(path).items() if name[0] == "e" for start, _, text in rows}
    assert found == {**dict(enumerate(LABELS)), 7: "\\x07 bell"}
    assert path.read_bytes() == TIMELINE_FORMATS["eaf"].write([WILD])
    span = annotation.read(path, "emotion 二")[""][0]
    assert (span.start_s, span.columns["label"]) == (2, LABELS[2])


def test_webvtt_has_a_cue_a_segment_with_its_voice(tmp_path):
    slow = timeline(segment(3599.9996, 3725.25, "sad", confidence=0.504), *WILD.segments, warnings=["a --> b\n\nc"])
    cues = webvtt.read(written(tmp_path, "vtt", slow)).captions
    assert [cue.start for cue in cues] == [f"00:00:0{i}.000" for i in range(8)] + ["01:00:00.000"]
    assert cues[8].end == "01:02:05.250" and cues[8].text == "sad 50 %"
    assert [cue.voice for cue in cues[1:4]] == ['Ann "A" &lt;&amp;&gt;', "二", "x y z"]
    assert cues[2].raw_text == "<v 二>two\nlines 87 %"
    assert cues[3].text.startswith("Glück") and cues[4].text == "高兴 87 %"
    assert "😀 --&gt; 00:01" in cues[5].raw_text


def test_an_empty_line_in_a_label_does_not_end_its_cue(tmp_path):
    cues = webvtt.read(
        written(tmp_path, "vtt", timeline(segment(0, 1, "a\n\n00:00:05.000 --> 00:00:06.000\nb")))
    ).captions
    assert [(cue.start, cue.raw_text) for cue in cues] == [
        ("00:00:00.000", "a\n00:00:05.000 --&gt; 00:00:06.000\nb 87 %")
    ]


def test_pyannote_reads_the_rttm_of_several_recordings(tmp_path):
    second = timeline(segment(0.1234, 1, "sad"), path="b/x.wav")
    third = timeline(segment(0, 1, "calm"), path="c/x.wav")
    found = load_rttm(written(tmp_path, "rttm", timeline(segment(1, 2.5, speaker="A b")), second, third))
    tracks = {
        name: [(round(turn.start, 3), round(turn.end, 3), label) for turn, _, label in one.itertracks(yield_label=True)]
        for name, one in found.items()
    }
    assert tracks == {
        "mein_Gespräch": [(1, 2.5, "A_b:happy")],
        "b/x": [(0.123, 1, "sad")],
        "c/x": [(0, 1, "calm")],
    }


def test_pyannote_reads_any_label_of_an_rttm_and_so_does_our_reader(tmp_path):
    path = written(tmp_path, "rttm", WILD)
    expected = ["_".join(label.replace("\x07", "\\x07").replace(":", "_").split()) for label in LABELS]
    (found,) = load_rttm(path).values()
    assert [label.rsplit(":", 1)[-1] for *_, label in found.itertracks(yield_label=True)] == expected
    (spans,) = annotation.read(path).values()
    assert [span.speaker.rsplit(":", 1)[-1] for span in spans] == expected


@pytest.mark.parametrize("name", ["textgrid", "eaf", "vtt", "rttm"])
def test_withheld_and_missing_answers_are_named(tmp_path, name):
    odd = timeline(segment(0, 1, None), segment(1, 2, None, confidence=0.0, error="too short\nhere"))
    text = written(tmp_path, name, odd).read_text(encoding="utf-8")
    assert "uncertain" in text and ("no answer" in text) == (name != "rttm")


@pytest.mark.parametrize("name", ["textgrid", "eaf", "vtt", "rttm"])
def test_a_recording_without_segments_is_written(tmp_path, name):
    silent = timeline(duration_s=0.0, error="no such file")
    path = written(tmp_path, name, silent)
    if name == "textgrid":
        assert praat_tiers(path) == {"emotion": [(0, 0.001, "")], "confidence": [(0, 0.001, "")]}
    if name == "eaf":
        assert eaf_tiers(path) == {"emotion": [], "confidence": []}
    if name == "vtt":
        assert not webvtt.read(path).captions and "NOTE no such file" in path.read_text(encoding="utf-8")
    if name == "rttm":
        assert path.read_bytes() == b""


@pytest.mark.parametrize(("name", "package"), [("textgrid", "praatio"), ("eaf", "pympi")])
def test_a_missing_package_names_the_extra(monkeypatch, name, package):
    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"package {package}, found none; pip install 'voxjax\[annotate\]'"):
        TIMELINE_FORMATS[name].write([timeline()])
    with pytest.raises(UsageError, match="annotate"):
        check_installed(TIMELINE_FORMATS[name])


def test_pandas_reads_the_csv_with_any_label_speaker_and_column(tmp_path):
    own = {"Notiz; ü": 'a "b",\n\t高 --> c', "start": "7"}
    rows = [segment(i, i + 0.5, emotion, SPEAKERS[i % 4], columns=own) for i, emotion in enumerate(LABELS)]
    path = written(tmp_path, "csv", timeline(*rows, path='a/"x", ü\n😀.wav'), timeline(error="no such file"))
    found = pd.read_csv(path, keep_default_na=False)
    fixed = [*csv_table.FIRST, *LABELS[:-1], "'\x07 bell", *csv_table.LAST, "Notiz; ü", "given_start"]
    assert list(found.columns) == fixed
    assert list(found["emotion"][:-1]) == [*LABELS[:-1], "'\x07 bell"]
    assert list(found["speaker"][:4]) == list(SPEAKERS) and set(found["file"][:-1]) == {'a/"x", ü\n😀.wav'}
    assert list(found["start"][:-1].astype(float)) == list(range(8))
    assert set(found["Notiz; ü"][:-1]) == {own["Notiz; ü"]} and set(found["given_start"][:-1]) == {"7"}
    assert found["error"].iloc[-1] == "no such file"


def test_the_codebook_lists_the_columns_of_the_csv():
    page = (pathlib.Path(__file__).parents[3] / "docs/timeline-formats.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (?:`(\w+)`|one for|your own)", page.split("## CSV")[1].split("\nIn R:")[0], re.M)
    assert listed == [*csv_table.FIRST, "", *csv_table.LAST, ""]
    formats = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?`) \|", page.split("## Praat")[0], re.M)))
    assert formats == [*TIMELINE_FORMATS, "png"]


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.strip)
TIMES = st.lists(st.tuples(st.floats(0, 5e3), st.floats(0.001, 50), TEXTS, st.sampled_from(SPEAKERS)), max_size=6)


@settings(max_examples=40, deadline=None)
@given(TIMES)
def test_any_timeline_comes_back_from_textgrid_and_eaf_with_its_times(tmp_path_factory, drawn):
    one = timeline(*(segment(a, a + d, text, who) for a, d, text, who in drawn), duration_s=5_100.0)
    times = sorted(round(1000 * start_s) for start_s, *_ in drawn)
    folder = tmp_path_factory.mktemp("drawn")
    for found in (praat_tiers(written(folder, "textgrid", one)), eaf_tiers(written(folder, "eaf", one))):
        rows = [row for name, tier in found.items() if name.startswith("emotion") for row in tier]
        assert sorted(round(1000 * start) for start, _, label in rows if label) == times


def test_the_given_columns_do_not_change_what_is_written():
    plain = timeline(segment(0, 1))
    noted = dataclasses.replace(plain, segments=[segment(0, 1, columns={"note": "x"})])
    for name in ("textgrid", "eaf", "vtt", "rttm"):
        assert TIMELINE_FORMATS[name].write([plain]) == TIMELINE_FORMATS[name].write([noted])
