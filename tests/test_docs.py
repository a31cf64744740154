"""Documents agree with the results, and name only commands, files and names that exist."""

import configparser
import json
import pathlib
import re
import runpy

import pytest

from tests import test_imports
from voxjax import labels
from voxjax.audio import quality_checks
from voxjax.cli import main, renamed_keys
from voxjax.data import corpora
from voxjax.downloads import sources
from voxjax.downloads.sources import by_hand
from voxjax.version import __version__

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


def test_tables_equal_the_results():
    tool = collect()
    lines = between("runs", "docs/results.md")
    assert lines == tool["runs_table"](RUNS) and len(lines) == len(RUNS) + 2
    assert between("commands", "docs/results.md") == tool["commands"](RUNS)
    assert between("guide") == tool["guide_table"](RESULTS["guide"]["rows"])


def test_table_of_unlike_recordings_equals_its_figures():
    figures = RESULTS["domain_shift"]
    assert between("domain", "docs/evaluation.md") == collect()["domain_table"](figures)
    assert figures[0]["kind"] == "new speakers" and len(figures) == 6


@pytest.mark.parametrize("corpus", ["ravdess", "ravdess_pairs", "emodb"])
def test_table_of_enrolment_equals_its_figures(corpus):
    figures = RESULTS[f"enrolled_{corpus}"]
    tool = runpy.run_path(str(ROOT / "docs/results/enrolment.py"))
    assert between(f"enrolled_{corpus}", "docs/enrolment.md") == tool["table"](figures).splitlines()
    assert figures["protocol"].startswith("enrolled") and figures["seeds"] == [0, 1, 2]


def test_table_of_adaptation_equals_its_figures():
    tool = runpy.run_path(str(ROOT / "docs/results/adaptation.py"))
    rows = RESULTS["adapted_emodb"]
    assert between("adapted_emodb", "docs/enrolment.md") == tool["table"](rows).splitlines()
    protocols = [("corpus", "corpus+enrolled", "adapted")[i % 3] for i in range(len(rows))]
    assert [row["protocol"] for row in rows] == protocols and len(rows) == 6


def test_tables_of_the_default_model_equal_its_figures():
    tool = runpy.run_path(str(ROOT / "docs/results/robust.py"))
    figures, card = RESULTS["robust_default"], "checkpoints/whisper_robust/README.md"
    assert between("robust", "docs/encoders.md") == tool["table"](figures)
    assert between("robust_corpora", "docs/encoders.md") == tool["corpora_table"](figures)
    assert between("robust_corpora", card) == tool["corpora_table"](figures)
    assert len(figures["corruptions"]) == 18 and figures["corrupted_folds"] == [0, 1, 2, 3, 4]
    costs = {(row["kind"], row["strength"]): 100 * row["uar_drop"] for row in figures["corruptions"]}
    text = (ROOT / card).read_text()
    assert f"babble 10 dB below the voice costs {costs['babble', '10 dB SNR']:.0f} points of UAR" in text
    assert f"white noise {costs['white noise', '10 dB SNR']:.0f}," in text
    assert f"telephone bandwidth {costs['telephone', '300 to 3,400 Hz']:.0f};" in text
    assert f"all 17 corruptions {100 * tool['mean_drop'](figures):.1f} on average" in text


def test_shuffled_labels_gave_chance_and_the_docs_say_so():
    rows = RESULTS["shuffled_labels"]["rows"]
    text = " ".join((ROOT / "docs/encoders.md").read_text().split())
    for row in rows:
        low, high = row["uar_ci"]
        assert low < 1 / 8 < high and row["n"] == 1_440
        assert f"`{row['config']}` has {100 * row['uar']:.1f} % UAR ({100 * low:.1f} to {100 * high:.1f})" in text
    assert rows


def test_table_of_weight_formats_equals_its_figures():
    figures = RESULTS["weights_format"]
    assert between("weights_format", "docs/sharing.md") == collect()["weights_format_table"](figures)
    assert len(figures["files"]) == len(list((ROOT / "checkpoints").glob("*/[we]*.npz")))


def test_table_of_sound_formats_equals_its_figures():
    figures = RESULTS["sound_formats"]
    assert between("sound_formats", "docs/sound-files.md") == collect()["sound_formats_table"](figures)
    for rows in figures["corpora"].values():
        lossless = [row for row in rows if row["format"] in ("WAV, 24 bits", "WAV, 32-bit float", "AIFF", "FLAC")]
        assert len(lossless) == 4 and all(row["max"] <= 1e-5 for row in lossless)
        full_band = [row for row in rows if "8 kHz" not in row["format"]]
        assert max(row["max"] for row in full_band) <= 0.21 and max(row["mean"] for row in full_band) < 0.025


@pytest.mark.parametrize(
    ("name", "page", "table", "result"),
    [
        ("timeline", "docs/evaluation.md", "timeline_table", "timeline"),
        ("timeline_choices", "docs/evaluation.md", "timeline_choices_table", "timeline"),
        ("timeline_speed", "docs/timeline.md", "timeline_speed_table", "timeline_speed"),
        ("voice_activity", "docs/timeline.md", "voice_activity_table", "voice_activity"),
    ],
)
def test_tables_of_timelines_equal_their_figures(name, page, table, result):
    lines = between(name, page)
    assert lines == collect()[table](RESULTS[result]) and len(lines) > 4


def test_table_of_faithfulness_equals_its_figures():
    figures = RESULTS["faithfulness"]
    assert between("faithfulness", "docs/explain.md") == collect()["faithfulness_table"](figures)
    assert "dirty" not in figures["commit"] and {row["corpus"] for row in figures["rows"]} == {"ravdess", "emodb"}
    for row in figures["rows"]:  # as the page says
        orders = row["orders"]
        assert orders["occlusion"]["clips_above_random"] == orders["gradients"]["clips_above_random"] == 1.0
        assert orders["occlusion"]["more_than_loudest"]["ci"][0] > 0
        assert (orders["gradients"]["more_than_loudest"]["ci"][0] > 0) != row["known_to_the_model"]


def test_table_of_warnings_about_sound_equals_its_figures():
    rows = RESULTS["audio_warnings"]["rows"]
    assert between("audio_warnings", "docs/commands.md") == collect()["audio_warnings_table"](rows)
    assert {row["meant"] for row in rows} == {"", *quality_checks.CHECKS}
    assert sum(row["any_warning"] for row in rows[:2]) < 0.02 * sum(row["n"] for row in rows[:2])


def test_killed_calls_ended_as_unbroken_ones():
    rows = RESULTS["resume"]["rows"]
    assert [row["format"] for row in rows] == ["csv", "jsonl"]
    for row in rows:
        assert (
            row["equal_to_an_unbroken_call"] and not row["answered_twice"] and row["answers"] == row["files"] == 2_000
        )


def test_table_of_campaigns_equals_their_figures():
    parts = RESULTS["reliability"]
    tool = runpy.run_path(str(ROOT / "docs/results/reliability.py"))
    assert between("campaigns", "docs/damage.md") == tool["table"](parts)
    assert not any("dirty" in part["commit"] for part in parts.values())
    same = parts["determinism"]["same_command"]
    assert same["equal_to_the_first"] == same["runs"] > 0


def test_hard_inputs_came_out_as_expected():
    rows = RESULTS["hard_inputs"]["rows"]
    assert len(rows) >= 23 and all(row["as_expected"] for row in rows)


def test_the_service_came_out_as_its_page_says():
    figures, text = RESULTS["service"], " ".join((ROOT / "docs/service.md").read_text().split())
    load, memory = figures["load"], figures["long"]["memory_mb_every_200"]
    assert load["requests"] == load["answered"] == load["same_emotion"] == 600
    assert load["largest_difference_of_a_probability"] < 2e-7
    for speeds in (load["requests_per_s_at_once"], load["requests_per_s_one_by_one"]):
        assert f"{min(speeds)} to {max(speeds)}" in text
    assert f"between {min(memory):.0f} and {max(memory):.0f} MB" in text and len(memory) == 11
    assert figures["long"]["statuses"] == {"200": 1800, "422": 200}
    assert set(figures["bad"].values()) == {422, 413, 408} and "dirty" not in figures["commit"]
    assert figures["schemathesis"]["exit_code"] == figures["server_errors"] == figures["exit_code"] == 0
    assert f"{figures['schemathesis']['cases']} cases" in text and figures["healthy_at_the_end"]


def test_the_picture_shows_the_results():
    """Figures are drawn as paths, so the size of the redrawn picture is compared."""
    rows = collect()["picture_rows"](RUNS)
    assert len(rows) == 6 and all(low < uar < high for _, uar, low, high in rows)
    assert "<svg" in (ROOT / "docs/results/speaker5.svg").read_text()


def test_table_of_speeds_equals_its_figures():
    lines = between("speed", "docs/many-devices.md")
    figures = RESULTS["benchmark_ensemble"]
    assert lines == collect()["speed_table"](figures) and len(lines) == len(figures) + 2
    for figure in figures:
        assert figure["command"].startswith("python scripts/benchmark.py") and "dirty" not in figure["commit"]
        assert figure["ratio"] == pytest.approx(figure["one_program"] / figure["one_by_one"])


def test_tables_of_the_benchmark_equal_its_lines():
    tool = runpy.run_path(str(ROOT / "docs/results/performance.py"))
    for suite, table in tool["TABLES"].items():
        figures = tool["lines_of"](suite)
        assert between(f"performance_{suite}", "docs/performance.md") == table(figures)
        for one in figures:
            assert one["suite"] == suite and f"--suite={suite}" in one["command"] and "dirty" not in one["commit"]
    ours, *peers = tool["lines_of"]("step")
    assert ours["who"] == "voxjax" and {one["who"] for one in peers} == {"keras", "torch", "torch_compile"}
    for one in peers:
        assert one["ratio"] == pytest.approx(ours["median_ms"] / one["median_ms"])


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


def test_the_table_of_corpora_has_all_corpora():
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
    assert " /" not in result["command"] and "=/" not in result["command"], "an absolute path"


PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_commands_exist(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
    for script in re.findall(r"python (scripts/\w+\.py)", text):
        assert (ROOT / script).is_file(), script
    for config in re.findall(r"--config=(configs/\w+\.py)", text):
        assert (ROOT / config).is_file(), config
    for config in re.findall(r"--config=(\w+)(?=\s)", text):
        assert config == "NAME" or (ROOT / "configs" / f"{config}.py").is_file(), config
    for command in re.findall(r"^voxjax (\w+)", text, re.M):
        assert command in main.COMMANDS, command


def test_the_card_of_each_checkpoint_has_its_figures():
    models = [path for path in (ROOT / "checkpoints").iterdir() if path.is_dir()]
    assert models
    for model in models:
        card = (model / "README.md").read_text()
        figures = json.loads((model / "model.json").read_text())["meta"]["figures"]
        assert percent(figures["accuracy"]) in card and percent(figures["uar"]) in card
        for part in ("Licence", "Protocol", "Limits", "Intended use"):
            assert f"## {part}" in card, part


def test_text_of_ravdess_is_at_chance_as_documented():
    text = " ".join((ROOT / "docs/fusion.md").read_text().split())
    known = {"+".join(row["modalities"]): row["uar"] for row in RESULTS["fusion_ravdess_text"]["modality_ablation"]}
    assert known["text"] == 1 / 8
    for names, words in (("text", "words alone"), ("audio", "voice alone"), ("audio+text", "both")):
        assert f"{words} {percent(known[names])}" in text


def test_the_map_of_the_package_equals_its_folders_and_the_table_of_imports():
    block = (ROOT / "docs/design.md").read_text().split("## Rooms")[1].split("```")[1]
    lines = [line for line in block.split("voxjax/\n")[1].splitlines() if line.strip()]
    mapped = {word.strip("/") for line in lines for word in re.match(r"  ((?:[\w]+(?:\.py|/) ?)+)", line)[1].split()}
    kept = {path.name for path in (ROOT / "voxjax").iterdir() if path.is_dir() or path.suffix == ".py"}
    assert mapped == kept - {"__init__.py", "__pycache__"}
    rows = [place.removeprefix("voxjax.") for row in test_imports.ROWS for place in row if place.startswith("voxjax.")]
    assert {name.removesuffix(".py") for name in mapped} == set(rows)
    order = [re.match(r"  (\w+)", line)[1] for line in lines]
    assert [name for name in rows if name in order and name != "__main__"] == [n for n in order if n != "__main__"]


def test_table_of_commands_is_complete():
    text = (ROOT / "docs/commands.md").read_text()
    assert re.findall(r"^\| `voxjax (\w+)` \|", text, re.M) == list(main.COMMANDS)


def test_changelog_lists_every_renamed_key():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert dict(re.findall(r"^\| config \| `([\w.]+)` \| `([\w.]+)` \|$", text, re.M)) == renamed_keys.RENAMED


def test_the_cited_version_is_the_packages():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_wrapped(page):
    """At 100 columns, except for tables, code, links and headings."""
    plain = re.sub(r"```.*?```|<!-- table.*?<!-- end", "", (ROOT / page).read_text(), flags=re.S)
    assert [line for line in plain.splitlines() if len(line) > 100 and line[0] not in "|#<" and " " in line[:100]] == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("voxjax/audio/augment.py", "def mixup("),
        ("voxjax/data/splits.py", "PROTOCOLS = {"),
        ("voxjax/reporting/run_report.py", "def write_report("),
        ("voxjax/train/step.py", "def train_step("),
    ],
)
def test_the_readme_links_to_the_code_to_read_first(module, line):
    """From the README one link, and one search in that file."""
    assert f"]({module})" in (ROOT / "README.md").read_text()
    assert line in (ROOT / module).read_text()


def test_the_table_of_extras_equals_the_packages():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = {
        name: [re.split("[>=<]", line)[0] for line in text.split()]
        for name, text in setup["options.extras_require"].items()
    }
    text = (ROOT / "docs/commands.md").read_text().split("## Extras")[1]
    rows = {
        row[0].strip("`"): row for row in (line.strip("| ").split(" | ") for line in re.findall(r"^\| `.*", text, re.M))
    }
    assert rows.keys() == extras.keys() and list(rows) == sorted(rows)
    assert all(row[3].isdecimal() for row in rows.values())
    for name in rows.keys() - {"test"}:
        assert rows[name][1].split(", ") == extras[name], name
    code = "".join(path.read_text() for path in (ROOT / "voxjax").rglob("*.py"))
    for name in rows.keys() - {"test", "docs", "fuzz"}:  # which contributors install
        assert f"voxjax[{name}]" in code, f"no command names the extra {name}"
    del extras["bench"]  # which compares with it
    assert "torch" not in str(extras), "gigabytes that nothing else in the package uses"


def test_the_licence_of_each_package_that_users_install_is_listed():
    found = json.loads((ROOT / "docs/results/licences.json").read_text())
    assert found["not_installed"] == found["without_a_licence"] == []
    script = runpy.run_path(str(ROOT / "docs/results/licences.py"))
    assert script["table"](found["packages"]) in (ROOT / "docs/licences.md").read_text()
    direct = [line for lines in script["requirements"]().values() for line in lines if line]
    assert {script["normal"](re.split("[>=<[]", line)[0]) for line in direct} <= found["packages"].keys()


def test_the_lowest_tested_versions_are_those_that_the_package_allows():
    """CI installs tests/lowest.txt; a bound of setup.cfg that is missing there would not be tested."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    bounds = dict(line.split(">=") for line in setup["options"]["install_requires"].split())
    lowest = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "tests/lowest.txt").read_text(), re.M))
    assert bounds.keys() == lowest.keys() - {"jaxlib"} and lowest["jaxlib"] == lowest["jax"]
    for name, bound in bounds.items():
        assert lowest[name] == bound or lowest[name] == f"{bound}.0", name
