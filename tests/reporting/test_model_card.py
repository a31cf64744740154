"""Model cards, read back by the library of a model hub."""

import json
import pathlib

import huggingface_hub
import pytest
import yaml

from voxjax.reporting import model_card

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "checkpoints").glob("*/model.json"))
FIGURES = {
    "labels": ["joy", "Wut: \"laut\"\n# 'x' | y"],
    "protocol": "random5",
    "corpus": "ravdess+emodb",
    "n": 12,
    "interval_over": "clips",
    "uar": 0.5,
    "uar_ci": [0.25, 0.75],
    "accuracy": 0.625,
    "accuracy_ci": [0.3, 0.9],
    "macro_f1": 0.4,
    "ece_calibrated": 0.1,
    "per_class": {
        "joy": {"recall": 1.0, "precision": 0.5, "n": 6},
        "Wut: \"laut\"\n# 'x' | y": {"recall": 0.0, "precision": 0.0, "n": 6},
    },
    "warnings": ["only 12 test clips"],
}
META = {"name": "mine: 1", "corpus": "ravdess+emodb", "protocol": "random5", "fold": 0, "seed": 3, "licence": "Credit."}


def figures_of(data):
    return {result.metric_type: (result.metric_value, result.metric_args) for result in data.eval_results}


def test_a_card_says_its_result_in_words_and_defines_its_terms():
    text = model_card.card(META, FIGURES)
    first = (
        "Of 100 new clips by people that the model was trained on, about 63 are named right (95 % interval 30 to 90)"
    )
    assert text.index("# mine: 1, trained") < text.index(first) < text.index("## Data")
    assert "- UAR: unweighted average recall" in text and "- ECE: expected calibration error" in text


def test_a_card_is_read_by_the_hubs_library():
    read = huggingface_hub.ModelCard(model_card.card(META, FIGURES))
    data = read.data
    assert (data.model_name, data.library_name, data.license) == ("mine: 1", "voxjax", "cc-by-nc-sa-4.0")
    assert (data.language, data.datasets) == (["de", "en"], ["ravdess", "emodb"])
    interval = {"confidence_level": 0.95, "lower": 25.0, "upper": 75.0, "over": "clips"}
    assert figures_of(data)["recall"] == (50.0, interval)
    assert figures_of(data)["f1"] == (40.0, None)
    assert data.eval_results[0].dataset_name == "RAVDESS and EmoDB, protocol random5"
    assert "only 12 test clips" in read.text and "| joy | 100.0% | 50.0% | 6 |" in read.text
    assert len([line for line in read.text.splitlines() if line.startswith("# ")]) == 1  # a label can't add a heading


def test_a_label_without_test_clips_has_no_recall():
    rows = {**FIGURES["per_class"], "calm": {"recall": None, "precision": None, "n": 0}}
    text = model_card.card(META, {**FIGURES, "labels": [*FIGURES["labels"], "calm"], "per_class": rows})
    assert "| calm | – | – | 0 |" in text


@pytest.mark.parametrize(
    ("corpus", "licence"),
    [
        ("ravdess", "cc-by-nc-sa-4.0"),
        ("emodb", "cc-by-4.0"),
        ("ravdess+nemo+emodb", "cc-by-nc-sa-4.0"),
        ("emodb+cremad", "other"),
        ("tess+emodb", "other"),
        ("ravdess+tess", "other"),
        ("emodb+iemocap", "other"),
    ],
)
def test_share_alike_data_may_be_joined_with_data_that_ask_for_credit_alone(corpus, licence):
    assert f'license: "{licence}"' in model_card.header("m", corpus, FIGURES)


def test_a_synthetic_corpus_has_a_licence_and_no_language():
    header = yaml.safe_load(model_card.header("m", "demo", {**FIGURES, "corpus": "demo"}).strip("-\n"))
    assert header["license"] == "apache-2.0" and "language" not in header


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_headers_of_shipped_models_have_their_measured_figures(folder):
    data = huggingface_hub.ModelCard.load(folder / "README.md").data
    languages = {"whisper_robust": ["de", "en"]}.get(folder.name, ["en"])
    assert (data.license, data.language, data.model_name) == ("cc-by-nc-sa-4.0", languages, folder.name)
    protocol = {"whisper_known": "random5"}.get(folder.name, "speaker5")
    result = json.loads((ROOT / f"docs/results/{folder.name}_{protocol}.json").read_text())
    low, high = result["uar_ci"]
    value, args = figures_of(data)["recall"]
    assert value == round(100 * result["uar"], 1)
    assert (args["lower"], args["upper"]) == (round(100 * low, 1), round(100 * high, 1))
