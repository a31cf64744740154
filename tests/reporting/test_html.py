import base64
import html.parser
import re
from importlib import resources

import pytest

from voxjax import config_schema
from voxjax.deploy.page import run_charts
from voxjax.reporting import run_report, terms

HOSTILE = "<script>alert(\"x\")</script> & 'co'"
PICTURES = {name: b"\x89PNG" + name.encode() for name in ("confusion", "history", "reliability", "coverage")}
VOID = {"meta", "img", "br"}


def figures(**changes):
    row = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "n": 4}
    empty = {"precision": None, "recall": None, "f1": None, "n": 0}
    given = {
        "protocol": "speaker5",
        "corpus": "ravdess",
        "model": "optimized",
        "n": 4,
        "folds": 5,
        "seeds": [0, 1],
        "labels": ["calm", "sad"],
        "accuracy": 0.712,
        "accuracy_ci": [0.65, 0.76],
        "uar": 0.698,
        "uar_ci": [0.641, 0.749],
        "macro_f1": 0.6871,
        "ece": 0.1,
        "ece_calibrated": 0.02,
        "temperature": 1.4,
        "interval_over": "speakers",
        "interval_method": "bootstrap",
        "per_class": {"calm": row, "sad": empty},
        "per_speaker": {"Actor_01": 0.5},
        "speaker_n": {"Actor_01": 4},
        "per_gender": {"male": 0.5},
        "gender_n": {"male": 4},
        "per_fold": {"0": {"uar": 0.5, "uar_ci": [0.15, 0.85], "accuracy": 0.5, "n": 4}},
        "coverage": [{"coverage": 0.5, "accuracy": 1.0, "confidence": 0.9}] * 20,
        "chosen_by": "validation UAR",
        "train_seconds": 3725.0,
        "parameters": 1234567,
        "members": [{"architecture": "optimized", "uar": 0.7}],
        "warnings": [],
        "voxjax": "0.1.0",
        "jax": "0.10",
    } | changes
    intervals = {
        "recall_ci": {name: [0.1, 0.6] for name in given["per_class"]},
        "precision_ci": {name: [0.2, 0.8] for name in given["per_class"]},
        "per_speaker_ci": {name: [0.15, 0.85] for name in given["per_speaker"]},
        "per_gender_ci": {name: [0.15, 0.85] for name in given["per_gender"]},
    }
    return intervals | given


class Reader(html.parser.HTMLParser):
    """Text by order, attributes, and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.attributes, self.tags = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        """As a browser displays it: white space collapsed."""
        return " ".join(" ".join(self.words).split())


def read(pictures=PICTURES, notes=(), config=None, **changes):
    return Reader(run_report.page(figures(**changes), pictures, config or {}, notes))


def test_is_well_formed_and_loads_nothing_from_the_network():
    text = run_report.page(figures(), PICTURES, {"a": 1})
    reader = Reader(text)
    assert reader.open == []
    links = [value for name, value in reader.attributes if name in ("src", "href", "action", "srcset")]
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", re.sub(r'base64,[^"]*', "", text))
    assert "script" not in reader.tags


def test_contains_every_picture():
    links = [value for name, value in read().attributes if name == "src"]
    assert [base64.b64decode(link.split(",")[1]) for link in links] == list(PICTURES.values())


def test_uar_with_its_interval_comes_first():
    text = read().text
    order = ["69.8%", "64.1% to 74.9%", "71.2%", "68.7%", "speaker5", "validation UAR"]
    places = [text.index(part, text.index("Unweighted")) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": HOSTILE},
        {"corpus": HOSTILE},
        {"protocol": HOSTILE},
        {"chosen_by": HOSTILE},
        {"per_class": {HOSTILE: {"precision": 0.5, "recall": 0.5, "f1": 0.5, "n": 1}}},
        {"per_speaker": {HOSTILE: 0.5}, "speaker_n": {HOSTILE: 1}},
        {"per_gender": {HOSTILE: 0.5}, "gender_n": {HOSTILE: 1}},
        {"members": [{"architecture": HOSTILE, "uar": 0.5}] * 2},
        {"command": HOSTILE},
        {"warnings": [HOSTILE]},
        {"notes": [HOSTILE]},
        {"config": {HOSTILE: 1}},
        {"config": {"a": {"b": HOSTILE}}},
    ],
    ids=lambda changes: "+".join(changes),
)
def test_strings_are_displayed_and_never_executed(changes):
    reader = read(**changes)
    assert "script" not in reader.tags
    assert HOSTILE in reader.text
    assert reader.open == []


def test_warnings_come_before_the_figures():
    reader = read(warnings=["The demo corpus is synthetic speech."])
    assert reader.text.index("synthetic") < reader.text.index("69.8%")
    assert ("class", "warning") in reader.attributes
    assert ("class", "warning") not in read().attributes


def test_missing_values_are_a_dash_or_left_out():
    pictures = {name: data for name, data in PICTURES.items() if name != "history"}
    text = read(pictures, per_gender={}, gender_n={}, train_seconds=None).text
    assert "Training figures" not in text and "Training time not measured" in text
    assert "sad \u2013 \u2013 \u2013 0" in text
    assert "gender" not in text


def test_values_are_formatted_for_people():
    text = read(config={"train": {"epochs": 60}, "offline_augment": {"methods": ("noise", "pitch")}}).text
    for part in (
        "1 h 2 min",
        "1,234,567",
        "seeds 0, 1",
        "5 folds",
        "1 speaker",
        "no test speaker is in the training data",
    ):
        assert part in text
    assert "train.epochs 60" in text
    assert "offline_augment.methods noise, pitch" in text
    assert "chance 100.0%" in text  # only one of two classes was tested


def test_long_lists_are_in_two_columns_with_no_row_lost():
    names = {f"Actor_{i:02d}": i / 30 for i in range(25)}
    reader = read(per_speaker=names, speaker_n=dict.fromkeys(names, 1))
    assert [word for word in reader.words if word.startswith("Actor_")] == list(names)
    assert ("class", "columns halves") in reader.attributes


def test_dotted_keeps_order_and_values():
    nested = {"z": 1, "a": {"y": {"x": None}, "b": (1, 2)}}
    assert list(config_schema.dotted(nested).items()) == [("z", 1), ("a.y.x", None), ("a.b", (1, 2))]


def test_the_first_words_are_the_result_in_a_sentence():
    text = read().text
    sentence = (
        "Of 100 clips by people that the model was not trained on, about 71 are named right (95 % interval 65 to 76"
    )
    assert text.index(sentence) < text.index("Unweighted")


def test_a_report_across_corpora_names_both_and_what_was_left_out():
    left_out = "81 clips have labels that the model does not have and are left out: boredom (81)."
    across = {"protocol": "corpus", "trained_on": "ravdess", "test_corpus": "emodb", "selection": [left_out]}
    text = read(corpus="emodb", **across).text
    assert f"Trained on ravdess Tested on emodb Test clips 4 of 1 speaker Left out {left_out}" in text
    assert "Of 100 clips of emodb, a corpus that the model was not trained on" in text
    assert "Corpus ravdess" in read().text and "Tested on" not in read().text


def test_every_technical_term_is_defined_on_the_page():
    folds = {fold: {"uar": 0.5, "uar_ci": [0.2, 0.8], "accuracy": 0.5, "n": 2} for fold in "01"}
    text = read(per_fold=folds, members=[{"architecture": "optimized", "uar": 0.5}] * 2).text
    for term in ("UAR", "ECE", "temperature", "fold", "nat", "calibration", "recall", "epoch", "seed", "member"):
        assert f"{term} {terms.TERMS[term]}" in text


def test_bars_have_their_intervals():
    reader = read()
    assert ("style", "left:15.0%;width:70.0%") in reader.attributes
    assert "Actor_01 50.0% 15\u201385% 4" in reader.text


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_of_texts_are_legible(scheme):
    """All of them, as a page may have none of some severity."""
    style = (resources.files("voxjax.reporting") / "templates/style.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", style.split("@media (prefers-color-scheme: dark)")[scheme]))
    for text in ("ink", "muted", "blue", "error", "caution"):
        assert run_charts.contrast(colours[text], colours["card"]) >= 4.5, text
    assert run_charts.contrast(colours["muted"], colours["back"]) >= 4.5
    assert run_charts.contrast(colours["ink"], colours["warning-back"]) >= 4.5
