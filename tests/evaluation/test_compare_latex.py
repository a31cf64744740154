"""The table for a paper: the figures of the comparison, and text that LaTeX takes as text."""

import re

from voxjax.evaluation import compare_latex

FOUND = {
    "first": "runs/whisper_tiny (whisper_tiny)",
    "second": "runs/a (b) (base&line)",
    "protocol": "speaker5",
    "corpus": "my_corpus",
    "labels": ["a", "b"],
    "unit": "speakers",
    "units": 24,
    "clips": 1440,
    "seeds": [[0, 1], [0]],
    "uar": {"first": 0.642, "second": 0.5271, "difference": 0.1149, "interval": [0.095, 0.137], "p": 0.0002},
    "accuracy": {"first": 0.5, "second": 0.52, "difference": -0.02, "interval": [-0.05, 0.01], "p": 0.25},
}


def test_the_rows_hold_the_figures():
    lines = compare_latex.table(FOUND).splitlines()
    assert r"UAR & 64.2 & 52.7 & $+11.5$ & $+9.5$ to $+13.7$ & $<$0.001 \\" in lines
    assert r"Accuracy & 50.0 & 52.0 & $-2.0$ & $-5.0$ to $+1.0$ & 0.250 \\" in lines
    assert r"& whisper\_tiny & base\&line & Difference & 95\,\% interval & $p$ \\" in lines


def test_the_caption_states_what_a_reader_needs():
    text = compare_latex.table(FOUND)
    assert r"my\_corpus, protocol speaker5, 1440 test clips, 2 emotions (\%). Paired over 24 speakers" in text
    assert "Seeds 0, 1 and 0." in text


def test_environments_are_closed_and_no_special_character_is_bare():
    text = compare_latex.table(FOUND)
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    assert opened == re.findall(r"\\end\{(\w+)\}", text)[::-1] and text.count("{") == text.count("}")
    assert compare_latex.escaped(r"50 % of a_b & {c} \ ~^#$") == (
        r"50 \% of a\_b \& \{c\} \textbackslash{} \textasciitilde{}\textasciicircum{}\#\$"
    )
