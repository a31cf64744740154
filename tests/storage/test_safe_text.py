"""Names of others are written without loss, and act on no terminal."""

import json
import os

import pytest

from voxjax.storage import safe_text

NAMES = [
    b"caf\xe9.wav",
    b"a\\b\xe9\\x41.wav",
    b"\xff\xfe",
    b"\xc3\xa9 and \xe9",
    b"plain.wav",
    b"b\\c.wav",
    "日本".encode(),
]


@pytest.mark.parametrize("data", NAMES)
def test_any_name_is_valid_unicode_and_gives_its_bytes_back(data):
    name = os.fsdecode(data)
    text = safe_text.readable(name)
    text.encode("utf-8")
    if text != name:
        assert os.fsencode(safe_text.original(text)) == data
    assert safe_text.readable(text) == text


def test_names_that_are_utf_8_stay_as_they_are():
    for name in ("café.wav", "b\\c.wav", "b\\xe9.wav", "🙂"):
        assert safe_text.readable(name) == name
    assert safe_text.readable(os.fsdecode(b"caf\xe9.wav")) == "caf\\xe9.wav"
    assert safe_text.readable("\ud800") == "\\ud800"  # of no file name
    assert safe_text.readable(b"caf\xc3\xa9".decode("ascii", "surrogateescape")) == "café"  # of an ASCII locale


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[31mred", "\\x1b[31mred"), ("a\nerror: b\r", "a\\nerror: b\\r"), ("a\u202egpj.wav", "a\\u202egpj.wav"),
     ("\x9b1m", "\\x9b1m"), ("\u2066x\u2028", "\\u2066x\\u2028"), ("tab\t\x7f\x00", "tab\\t\\x7f\\x00"),
     ("\ufeff\u200b", "\\ufeff\\u200b"), ("می‌خواهم 日本 👩‍🚀", "می‌خواهم 日本 👩‍🚀"), ("\udce9", "\\xe9")],
)  # fmt: skip
def test_control_characters_and_overrides_are_escaped_and_words_are_not(text, shown):
    assert safe_text.printable(text) == shown


def test_json_is_one_line_of_printable_characters_and_equal_after_reading():
    value = {"path": "a\x1b\u202e\x9b\n\U000e0001é\u2028", "n": [1, 0.5, None]}
    line = safe_text.json_line(value)
    assert json.loads(line) == value and line.isprintable() and "é" in line
    assert json.loads(safe_text.json_line({"caf\udce9": ["\udce9"]})) == {"caf\\xe9": ["\\xe9"]}
