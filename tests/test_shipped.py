"""The shipped models: each predicts, and its card agrees with the results and the model."""

import json
import pathlib
import re

import numpy as np
import pytest

from voxjax import EmotionPredictor

pytestmark = pytest.mark.full_compiler  # numbers that users get

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / "checkpoints").glob("*/model.json"))
SECTIONS = ["Data", "Licence", "Protocol", "Limits", "Intended use"]
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def percent(value):
    return f"{100 * value:.1f} %"


def test_shipped_models_are_small_and_have_cards():
    folders = [path for path in (ROOT / "checkpoints").iterdir() if path.is_dir()]
    assert FOLDERS and sorted(folders) == FOLDERS
    files = [path for folder in folders for path in folder.iterdir()]
    assert sum(path.stat().st_size for path in files) < 60e6
    assert all((folder / "README.md").is_file() for folder in folders)


@each
def test_each_shipped_model_predicts(folder):
    predictor = EmotionPredictor(folder)
    time_s = np.arange(32_000) / 16_000
    voice = 0.1 * np.sin(2 * np.pi * 180 * time_s) * (1 + np.sin(2 * np.pi * 4 * time_s))
    answer = predictor.predict((voice.astype(np.float32), 16_000))
    assert set(answer["probabilities"]) == set(predictor.labels) and len(predictor.labels) == 8
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)


@each
def test_each_card_has_the_measured_figures(folder):
    card = (folder / "README.md").read_text()
    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == SECTIONS
    meta = json.loads((folder / "model.json").read_text())["meta"]
    assert "CC BY-NC-SA" in card and "CC BY-NC-SA" in meta["licence"]
    names = re.findall(r"\]\(\.\./\.\./docs/results/(\w+)\.json\)", card)
    assert names
    table = dict(re.findall(r"^\| (UAR|accuracy|macro-F1) \| (.+) \|$", card, re.MULTILINE))
    for name in names:
        result = json.loads((ROOT / "docs/results" / f"{name}.json").read_text())
        for key, row in (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
            assert percent(result[key]) in table[row], (name, key)
        assert result["protocol"] in card and result["model"] == meta["name"]
    first = json.loads((ROOT / "docs/results" / f"{names[0]}.json").read_text())
    row = re.search(rf"^\| \[`{folder.name}`\].+$", (ROOT / "checkpoints/README.md").read_text(), re.MULTILINE)
    assert row and percent(first["uar"]) in row[0]
    own = meta["figures"]
    assert f"has {percent(own['uar'])} UAR and {percent(own['accuracy'])} accuracy" in card
