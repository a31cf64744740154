"""Files of given segments, as other programs write them, become spans; broken ones get one line with their line."""

import math

import audformat
import pandas as pd
import pytest

from voxjax import annotation
from voxjax.annotation.spans import Span
from voxjax.errors import VoxJaxError


def test_a_table_gives_spans_with_the_users_columns(given):
    table = 'start,end,speaker,Note\n0,1.5,A,"tea, ""milk""\nand 高兴"\n\n1e-05,0:01:02.5,,😀\n'
    assert given(table) == {
        "": [Span(0, 1.5, "A", {"Note": 'tea, "milk"\nand 高兴'}), Span(1e-05, 62.5, "", {"Note": "😀"})]
    }


@pytest.mark.parametrize(
    "content",
    [
        "start;end\n0,5;1,25\n2;3\n",
        "Start\tEND\n0,5\t1,25\n2\t3",
        "start,end\r\n0.5,1.25\r\n2,3\r\n",
        "\ufeffstart,end\r0.5,1.25\r2,3",
        '"start";"end"\n"0.5";"1.25"\n2;3\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_tables_of_spreadsheets_are_read(given, content, encoding):
    assert given(content.encode(encoding)) == {"": [Span(0.5, 1.25), Span(2, 3)]}


def test_a_table_of_several_recordings_keeps_their_names(given):
    found = given("path,start,end\nb/ü x.wav,0,1\na.wav,0,2\nb/ü x.wav,0.5,2\n")
    assert found == {"b/ü x.wav": [Span(0, 1), Span(0.5, 2)], "a.wav": [Span(0, 2)]}


def test_a_segmented_index_of_audformat_is_read(given):
    index = audformat.segmented_index(["a b.wav", "ü.wav"], ["0.5s", "1s"], ["100.25s", pd.NaT])
    found = given(pd.Series(["x", "y"], index=index, name="label").to_csv(), "db.label.csv")
    assert found == {
        "a b.wav": [Span(0.5, 100.25, columns={"label": "x"})],
        "ü.wav": [Span(1, math.inf, columns={"label": "y"})],
    }


def test_an_rttm_of_a_diariser_gives_speakers(given):
    text = (
        ";; made by hand\nSPKR-INFO rec 1 <NA> <NA> <NA> unknown A <NA> <NA>\n"
        "SPEAKER rec 1 0.50 1.250 <NA> <NA> SPEAKER_00 <NA> <NA>\nSPEAKER rec 1 1 2 <NA> <NA> <NA> 0.9\n"
        "SPEAKER höhe 1 3.000 0.1 <NA> <NA> B\n"
    )
    assert given(text, "no_suffix") == {
        "rec": [Span(0.5, 1.75, "SPEAKER_00"), Span(1, 3)],
        "höhe": [Span(3, 3.1, "B")],
    }


ROW = "start,end\n0,1\n"
SPEAKER = "SPEAKER rec 1 0 1 <NA> <NA> A <NA> <NA>\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "an empty file"),
        ("  \n", "an empty file"),
        ("start,end\n", "a header without rows"),
        ("begin,end\n0,1\n", "line 1: expected columns start and end"),
        ("0,1\n1,2\n", "line 1: expected columns start and end"),
        ("start,end,end\n0,1,2\n", "line 1: expected each column once"),
        ("file,path,start,end\na,b,0,1\n", "line 1: expected each column once"),
        (ROW + "2,1\n", "line 3: expected an end after the start, found 2 to 1 s"),
        (ROW + "1,1\n", "line 3: expected an end after the start"),
        (ROW + "-1,1\n", "line 3: expected a start of 0 s or later, found -1 s"),
        (ROW + "nan,1\n", "line 3, start: expected a time in seconds, found 'nan'"),
        (ROW + "0,inf\n", "line 3, end: expected a time in seconds, found 'inf'"),
        (ROW + "0,1e999\n", "line 3, end: expected a time in seconds, found '1e999'"),
        (ROW + "0,\n", "line 3, end: expected a time in seconds, found ''"),
        (ROW + "0,one\n", "line 3, end: expected a time in seconds, found 'one'"),
        (ROW + '"0,5","1,5"\n', "line 3, start: expected a time in seconds, found '0,5'; write the decimal point"),
        (ROW + "0,5,1,5\n", "line 3: expected 2 values, found 4; quote values that hold the delimiter; a decimal"),
        ("start;end\n0,5;1\n1;1.234,5\n", "line 2, times: expected one decimal sign"),
        ("start;end\n0,5;1.5\n", "line 2, times: expected one decimal sign in the whole file, found '0,5'"),
        ('start,end,x\n0,1,"a\nb"\n0,1,"a\n', "line 4: expected a CSV table, found unexpected end of data"),
        ("file,start,end\n,0,1\n", "line 2: expected the name of a recording"),
        (b"start,end,x\n0,1,caf\xe9\n", "line 2: expected a text file, found bytes that are not UTF-8"),
        (b"start,end\n0,1\x00\n", "line 2: expected a text file, found the character U+0000"),
        ("start,end\n0,1\n".encode("utf-16-le"), "UTF-16 without a byte-order mark"),
        (b"\xff\xfes", "line 1: expected a text file, found bytes that are not UTF-16"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "found the character U+0000: a binary file"),
        (SPEAKER + "SPEAKER rec 1 0 0 <NA> <NA> A\n", "line 2: expected a duration above 0 s"),
        (SPEAKER + "SPEAKER rec 1 -2 1 <NA> <NA> A\n", "line 2: expected a start of 0 s or later"),
        (SPEAKER + "SPEAKER rec 1 0 <NA> <NA> <NA> A\n", "line 2: expected a time in seconds, found '<NA>'"),
        (SPEAKER + "SPEAKER my rec 1 2.5 1 <NA> <NA> A\n", "line 2: expected <NA> after the duration, found '1'"),
        (SPEAKER + "SPEAKER rec 1 0 1 <NA> <NA> A B <NA> <NA>\n", "line 2: expected 8 to 10 fields, found 11"),
        (SPEAKER + "SPEAKER rec 1 0 1\n", "line 2: expected 8 to 10 fields, found 5"),
        (SPEAKER + "hello\n", "line 2: expected a line of RTTM"),
        ("SPKR-INFO rec 1 <NA> <NA> <NA> unknown A <NA>\n", "expected lines of the type SPEAKER, found none"),
    ],
)
def test_a_broken_table_gets_one_line(error_of, content, found):
    assert found in error_of(content)


def test_a_missing_file_and_a_folder_get_one_line(tmp_path):
    with pytest.raises(VoxJaxError, match=r"nothing\.csv: expected a file of segments, found No such file"):
        annotation.read(tmp_path / "nothing.csv")
    with pytest.raises(VoxJaxError, match="found a folder"):
        annotation.read(tmp_path)


def test_a_recording_finds_its_segments():
    one, two = [Span(0, 1)], [Span(1, 2)]
    of_recording = annotation.of_recording
    assert of_recording({"": one}, "x.wav") == one
    named = {"a/x y.wav": one, "x_y": two, "z.flac": one}
    assert of_recording(named, "data/a/x y.wav") == one
    assert of_recording(named, "data/b/x y.wav") == two
    assert of_recording(named, "b/z.wav") == []
    assert of_recording({"ü": one}, "ü.wav") == one
    assert of_recording({"C:\\data\\q.wav": one}, "q.wav") == []
