"""The documents say what the results say, and name only what exists."""

import json
import pathlib
import re
import runpy

import pytest

from voxjax import labels
from voxjax.data import corpora
from voxjax.downloads import sources
from voxjax.downloads.sources import by_hand

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs/results").glob("*.json"))}
RUNS = {name: result for name, result in RESULTS.items() if "uar" in result}  # not lists of figures


def percent(value):
    return f"{100 * value:.1f} %"


def collect():
    return runpy.run_path(str(ROOT / "docs/results/collect.py"))


def between(name, page="README.md"):
    """The lines of one of a page's tables."""
    text = (ROOT / page).read_text()
    return text.split(f"<!-- table: {name} -->\n")[1].split(f"\n<!-- end: {name} -->")[0].splitlines()


def test_there_are_results():
    assert RUNS


def test_readme_tables_equal_the_results():
    tool = collect()
    assert between("runs") == tool["runs_table"](RUNS) and len(between("runs")) == len(RUNS) + 2
    assert between("commands", "docs/results.md") == tool["commands"](RUNS)
    assert between("guide") == tool["guide_table"](RESULTS["guide"]["rows"])


def test_table_of_speeds_equals_its_figures():
    lines = between("speed", "docs/many-devices.md")
    figures = RESULTS["benchmark_ensemble"]
    assert lines == collect()["speed_table"](figures) and len(lines) == len(figures) + 2
    for figure in figures:
        assert figure["command"].startswith("python scripts/benchmark.py") and "dirty" not in figure["commit"]
        assert figure["ratio"] == pytest.approx(figure["one_program"] / figure["one_by_one"])


def test_table_of_modalities_equals_its_run():
    figures = RESULTS["fusion_demo_modal"]
    lines = between("modality_ablation", "docs/fusion.md")
    assert lines == collect()["modality_ablation_table"](figures) and len(lines) == 2**4 - 1 + 2
    assert figures["modality_ablation"][-1]["uar"] == figures["uar"]
    assert figures["uar"] > max(row["uar"] for row in figures["modality_ablation"] if len(row["modalities"]) == 1)


def cells(name, page):
    """A table of a page as rows of its cells, without the rule below the head."""
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in between(name, page)]
    return [rows[0], *rows[2:]]


def test_tables_of_labels_equal_the_code():
    head, *rows = cells("labels", "docs/corpora.md")
    written = {name: {row[0]: row[i] for row in rows if row[i] != "left out"} for i, name in enumerate(head)}
    assert {name: written[name] for name in labels.SETS} == labels.SETS
    assert dict(cells("synonyms", "docs/corpora.md")[1:]) == labels.SYNONYMS


def test_table_of_corpora_names_them_all():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/corpora.md").read_text(), re.M)
    assert set(rows) == set(corpora.CORPORA)


def test_every_corpus_can_be_fetched_or_is_explained():
    made = {name for name, corpus in corpora.CORPORA.items() if not corpus.needs_folder}
    known = {*corpora.GENERATED, *sources.SOURCES, *by_hand.BY_HAND}
    assert set(corpora.GENERATED) == made
    assert known == set(corpora.CORPORA)
    assert set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/download.md").read_text(), re.M)) == known - made


def test_guide_json_equals_the_runs_it_names():
    rows = RESULTS["guide"]["rows"]
    assert [row["model"] for row in rows] == ["Baseline", "Enhanced", "Advanced", "Optimized", "Ensemble"]
    for row in rows:
        for protocol in ("random5", "speaker5", "guide"):
            if row[protocol] is not None:
                result = RUNS[row[protocol]["result"]]
                assert (result["protocol"], result["model"]) == (protocol, row["config"])
                for key in ("uar", "accuracy", "uar_ci", "accuracy_ci", "commit", "command"):
                    assert row[protocol][key] == result[key]


@pytest.mark.parametrize("name", RUNS)
def test_each_result_names_its_command_seed_and_commit(name):
    result = RUNS[name]
    assert result["command"].startswith("python scripts/") and result["seeds"] and result["commit"] != "unknown"
    assert " /" not in result["command"] and "=/" not in result["command"], "a path of one machine alone"


PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
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


def test_words_of_ravdess_carry_nothing_as_the_page_says():
    text = (ROOT / "docs/fusion.md").read_text()
    known = {"+".join(row["modalities"]): row["uar"] for row in RESULTS["fusion_ravdess_text"]["modality_ablation"]}
    assert known["text"] == 1 / 8
    for names, words in (("text", "words alone"), ("audio", "voice alone"), ("audio+text", "both")):
        assert f"{words} {percent(known[names])}" in text
