"""The documents say what the results say, and name only what exists."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "docs/results").glob("*.json")}
RUNS = {name: result for name, result in RESULTS.items() if "uar" in result}


def percent(value):
    return f"{100 * value:.1f} %"


def row(name, result):
    low, high = result["uar_ci"]
    minutes = f"{result['train_seconds'] / 60:.0f} min"
    cells = [
        f"[{result['model']}](docs/results/{name}.json)",
        result["protocol"] + (f", fold {next(iter(result['per_fold']))}" if result["folds"] == 1 else ""),
        percent(result["uar"]),
        f"{100 * low:.1f} to {100 * high:.1f}",
        percent(result["accuracy"]),
        minutes,
    ]
    return "| " + " | ".join(cells) + " |"


def test_there_are_results():
    assert RUNS


@pytest.mark.parametrize("name", RUNS)
def test_readme_table_equals_the_results(name):
    assert row(name, RUNS[name]) in (ROOT / "README.md").read_text()


def test_readme_table_holds_nothing_else():
    table = [line for line in (ROOT / "README.md").read_text().splitlines() if "docs/results/" in line and "|" in line]
    assert len(table) == len(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_each_result_names_its_command_seed_and_commit(name):
    result = RUNS[name]
    assert result["command"].startswith("python scripts/") and result["seeds"] and result["commit"] != "unknown"
    assert " /" not in result["command"] and "=/" not in result["command"], "a path of one machine alone"


@pytest.mark.parametrize("page", ["README.md", "docs/design.md", "docs/tutorial.md"])
def test_links_and_commands_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
    for script in re.findall(r"python (scripts/\w+\.py)", text):
        assert (ROOT / script).is_file(), script
    for config in re.findall(r"--config=(configs/\w+\.py)", text):
        assert (ROOT / config).is_file(), config


def test_card_of_each_checkpoint_gives_its_figures():
    models = [path for path in (ROOT / "checkpoints").iterdir() if path.is_dir()]
    assert models
    for model in models:
        card = (model / "README.md").read_text()
        figures = json.loads((model / "model.json").read_text())["meta"]["figures"]
        assert percent(figures["accuracy"]) in card and percent(figures["uar"]) in card
        for part in ("Licence", "Protocol", "Limits", "Intended use"):
            assert f"## {part}" in card, part
