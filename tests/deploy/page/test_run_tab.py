"""The tab for a finished run, in a real browser, with a real run and its sounds."""

import csv
import json
import re
import shutil

import numpy as np
import pytest

from tests import runs
from tests.deploy.page.conftest import ROOT, serving, visits
from tests.voices import write_folder
from voxjax.audio.limits import AudioLimits
from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig
from voxjax.deploy.page import run_charts, run_clips, run_folders, settings
from voxjax.errors import UsageError
from voxjax.evaluation import in_words
from voxjax.experiments import crossval
from voxjax.storage import sums

expect = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install '.[test]'").expect

PLAYERS = 'audio[aria-label^="Clip "]'


@pytest.fixture(scope="module")
def finished_runs(tmp_path_factory):
    """A folder with `runs`, one of them real and one a copy with a history, and the `data` they were tested on."""
    root = tmp_path_factory.mktemp("finished")
    data = write_folder(root / "data", takes=2)
    small = Config(
        name="small",
        corpus="folder",
        protocol="loso",
        architecture="lda",
        features=FrameFeatures(mels=16),
        offline_augment=OfflineAugmentConfig(augmentation_factor=0),
        train=TrainConfig(valid_fraction=0.3),
    )
    plan = crossval.CrossvalPlan(seeds=1, parallel_folds="all")
    runs.crossval(small, plan, data, root / "runs/closed form", root / "cache", "new")
    shutil.copytree(root / "runs/closed form/report", root / "runs/sweep/with epochs/report")
    rows = [{"epoch": i, "train_loss": 2.0 / i, "valid_loss": 2.5 / i, "valid_uar": 0.2 * i} for i in (1, 2, 3)]
    (root / "runs/sweep/with epochs/metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = ("metrics.json", "predictions.csv", "recordings.csv", "../metrics.jsonl")
    sums.write(root / "runs/sweep/with epochs/report", names)
    return root


@pytest.fixture(scope="module")
def new_page(browser, finished_runs):
    """A function that opens a page with these runs as a new visitor."""
    flags = [f"--runs={finished_runs / 'runs'}", f"--data_dir={finished_runs / 'data'}"]
    with serving(finished_runs, {"PYTHONPATH": str(ROOT)}, *flags) as url, visits(browser, url) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(finished_runs):
    """Figures and predictions of the run."""
    folder = finished_runs / "runs/closed form/report"
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return json.loads((folder / "metrics.json").read_text()), rows


def opened(new_page, **options):
    page = new_page(**options)
    page.get_by_role("tab", name="A finished run").click()
    page.get_by_role("combobox", name="Run").wait_for()
    return page


def choose(page, box, option):
    """Chooses by the keyboard alone."""
    page.get_by_role("combobox", name=box, exact=True).focus()
    page.keyboard.type(option)
    page.keyboard.press("Enter")


def clips_of(report, truth, answer):
    figures, rows = report
    return [
        row["clip"]
        for row in rows
        if row["truth"] == truth and max(figures["labels"], key=lambda label: float(row[label])) == answer
    ]


def answered(page, truth, answer):
    return page.get_by_text(re.compile(rf"\d+ clips? of {truth}, answered {answer}"))


def click(page, truth, answer):
    """Clicks into the middle of a cell, where its number is."""
    label = f'[aria-label^="answer: {answer}; true emotion: {truth}"]'
    box = page.locator(f".mark-rect path{label}").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_a_cell_is_chosen_by_click_or_keyboard_and_its_clips_are_played(new_page, report):
    figures, _ = report
    page = opened(new_page, viewport={"width": 1400, "height": 2600})
    expect(page.get_by_text(in_words.sentence(figures))).to_be_visible()
    first, second, _ = figures["labels"]
    choose(page, "True emotion", first)
    choose(page, "Answer", first)
    expect(answered(page, first, first)).to_be_visible()
    names = clips_of(report, first, first)
    assert names
    expect(page.locator(PLAYERS)).to_have_count(len(names))
    for name in names:
        expect(page.get_by_text(name)).to_be_visible()
        expect(page.get_by_label(f"Clip {name}")).to_be_visible()
    page.wait_for_function(f"[...document.querySelectorAll(`{PLAYERS}`)].every(one => one.duration > 0.5)")
    click(page, second, first)
    expect(answered(page, second, first)).to_be_visible()
    expect(page.locator(PLAYERS)).to_have_count(len(clips_of(report, second, first)))
    choose(page, "Answer", second)
    expect(answered(page, second, second)).to_be_visible()
    click(page, second, first)  # the same cell again, after another choice
    expect(answered(page, second, first)).to_be_visible()


def test_a_run_with_epochs_has_curves_and_one_in_closed_form_says_why_it_has_none(new_page):
    page = opened(new_page)
    expect(page.get_by_text("Epoch chosen by: nothing: fitted in closed form")).to_be_visible()
    choose(page, "Run", "with epochs")
    curves = page.get_by_label("Loss over epochs: training from 2.00 to 0.67, validation from 2.50 to 0.83", exact=True)
    expect(curves).to_be_visible()
    expect(page.get_by_label("Scores over epochs: validation UAR from 0.20 to 0.60", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tab_fits_a_phone_and_every_chart_has_a_label_and_a_table(new_page, report, scheme):
    page = opened(new_page, viewport={"width": 390, "height": 900}, color_scheme=scheme)
    expect(page.get_by_text("Selective prediction", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(4)
    assert all("table below" in chart.get_attribute("aria-label") for chart in charts.all())
    expect(page.get_by_text(re.compile(" as a table$"))).to_have_count(4)
    part = page.locator("details", has_text="Confusion matrix as a table")
    part.locator("summary").press("Enter")
    table = part.get_by_test_id("stTable")
    expect(table).to_be_visible()
    assert [int(n) for n in re.findall(r"\d+", table.inner_text())] == [
        n for row in report[0]["confusion"] for n in row
    ]


def test_clips_are_found_below_the_data_folder_and_nowhere_else(tmp_path):
    (tmp_path / "data/folder/sad").mkdir(parents=True)
    (tmp_path / "data/folder/sad/0.wav").write_bytes(b"RIFF")
    (tmp_path / "data/folder/sad/list.csv").write_bytes(b"secret")
    (tmp_path / "secret.wav").write_bytes(b"secret")
    roots, limits = [tmp_path / "data"], AudioLimits()
    for name in ("folder/sad/0.wav", "folder/sad/0.wav#2", f"{str(tmp_path)[1:]}/data/folder/sad/0.wav"):
        assert run_folders.sound(name, roots, limits) == (b"RIFF", "audio/wav")
    for name in (
        "../secret.wav",
        "folder/../../secret.wav",
        str(tmp_path / "secret.wav"),
        "folder/sad/1.wav",
        "folder/sad/list.csv",
    ):
        assert run_folders.sound(name, roots, limits) is None
    assert run_folders.sound("folder/sad/0.wav", roots, AudioLimits(max_file_bytes=3)) is None


def test_runs_are_found_by_name_below_the_given_folder(finished_runs):
    root = finished_runs / "runs"
    assert list(run_folders.find(str(root))) == ["closed form", "sweep/with epochs"]
    assert list(run_folders.find(str(root / "closed form"))) == ["closed form"]
    assert run_folders.find(str(finished_runs / "data")) == {}


def test_a_folder_that_is_missing_is_an_error_when_the_page_starts(tmp_path):
    with pytest.raises(UsageError, match="--runs: expected a folder"):
        settings.check_folders(settings.PageSettings(runs=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="--model: expected a folder with model"):
        settings.check_folders(settings.PageSettings(models=("nowhere",)))
    settings.check_folders(settings.PageSettings(models=(str(ROOT / "checkpoints/optimized"),)))
    given = settings.PageSettings(runs=str(tmp_path), data_dir="a folder")
    assert settings.from_arguments(given.arguments()) == given


@pytest.mark.parametrize("style", run_charts.PALETTES.values(), ids=list(run_charts.PALETTES))
def test_numbers_in_cells_of_any_colour_are_legible(style):
    counts = np.array([[n, 100 - n] for n in range(101)])
    chart = run_charts.confusion(["a", "b"], counts[[0, 50]], ("a", "a"), style).to_dict()
    assert chart["params"][0]["name"] == run_charts.CELL
    for n in range(101):
        fill = run_charts.blended(style.low, style.full, n / 100)
        assert max(run_charts.contrast(text, fill) for text in ("#000000", "#ffffff")) >= 4.5
    rows = chart["data"]["values"]
    assert all(run_charts.contrast(row["text"], row["fill"]) >= 4.5 for row in rows)


def test_the_first_cell_is_the_most_frequent_error():
    assert run_clips.most_confused(np.array([[9, 1], [4, 9]])) == (1, 0)
    assert run_clips.most_confused(np.array([[3, 0], [0, 9]])) == (1, 1)
