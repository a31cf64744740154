import csv
import dataclasses
import json
import os

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from voxjax.errors import VoxJaxError
from voxjax.evaluation import figures, in_words, results
from voxjax.metrics import calibration
from voxjax.reporting import run_report

LABELS = ("calm", "happy", "sad")
CONTRACT = [
    "protocol",
    "corpus",
    "model",
    "n",
    "folds",
    "seeds",
    "labels",
    "accuracy",
    "accuracy_ci",
    "uar",
    "uar_ci",
    "macro_f1",
    "ece",
    "ece_calibrated",
    "temperature",
    "confusion",
    "per_class",
    "per_speaker",
    "chosen_by",
    "train_seconds",
    "parameters",
    "members",
    "voxjax",
    "jax",
]
FILES = [
    "metrics.json",
    "per_class.csv",
    "confusion.csv",
    "predictions.csv",
    "confusion.png",
    "history.png",
    "reliability.png",
    "report.html",
    "SHA256SUMS",
]


def run(protocol="speaker5", corpus="ravdess", n=120, **changes):
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, n)
    meta = results.Meta(
        protocol=protocol,
        corpus=corpus,
        model="optimized",
        folds=2,
        seeds=[0],
        chosen_by="validation UAR",
        train_seconds=61.5,
        parameters=1234,
        members=[{"architecture": "optimized", "uar": float("nan")}],
        config={"train": {"epochs": 3}},
    )
    values = {
        "labels": LABELS,
        "clips": [f"Actor_{i % 6:02d}/{i}, take.wav" for i in range(n)],
        "speakers": [f"Actor_{i % 6:02d}" for i in range(n)],
        "genders": ["female" if i % 2 else "male" for i in range(n)],
        "folds": np.arange(n) % 2,
        "truth": truth,
        "logits": 3 * (generator.normal(size=(n, 3)) + np.eye(3)[truth]),
        "temperature": 2.0,
        "meta": meta,
        "history": [{"epoch": 1, "train_loss": 1.0, "valid_loss": 1.1, "valid_uar": 0.5}],
        "notes": ["Credit: the authors."],
    }
    return results.ReportInput(**values | changes)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "report"
    return folder, run_report.write_report(folder, run())


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_only_the_documented_files_are_written(written):
    folder, _ = written
    assert sorted(os.listdir(folder)) == sorted(FILES)
    assert all((folder / name).read_bytes()[:4] == b"\x89PNG" for name in FILES if name.endswith("png"))


def test_metrics_have_every_documented_field(written):
    folder, figures = written
    stored = json.loads((folder / "metrics.json").read_text())
    assert stored == figures
    assert set(CONTRACT) <= set(stored)
    assert stored["members"] == [{"architecture": "optimized", "uar": stored["uar"]}]


def test_figures_computed_from_predictions_csv_equal_the_reported_ones(written):
    folder, figures = written
    rows, given = rows_of(folder / "predictions.csv"), run()
    assert list(rows[0]) == ["clip", "speaker", "fold", "truth", *LABELS]
    probabilities = np.array([[float(row[label]) for label in LABELS] for row in rows])
    np.testing.assert_allclose(probabilities, calibration.calibrated_probabilities(given.logits, 2.0), atol=1e-6)
    truth = [row["truth"] for row in rows]
    predicted = [LABELS[i] for i in probabilities.argmax(1)]
    assert balanced_accuracy_score(truth, predicted) == pytest.approx(figures["uar"])
    assert [row["clip"] for row in rows] == given.clips
    assert [int(row["fold"]) for row in rows] == given.folds.tolist()


def test_tables_agree_with_the_figures(written):
    folder, figures = written
    for row in rows_of(folder / "per_class.csv"):
        assert float(row["recall"]) == figures["per_class"][row["label"]]["recall"]
    confusion = [[int(row[label]) for label in LABELS] for row in rows_of(folder / "confusion.csv")]
    assert confusion == figures["confusion"]


def test_the_temperature_changes_probabilities_and_no_prediction():
    given = run(n=600)
    fitted = dataclasses.replace(given, temperature=calibration.fit_temperature(given.logits, given.truth))
    plain, better = measured(dataclasses.replace(given, temperature=1.0)), measured(fitted)
    assert plain["confusion"] == better["confusion"]
    assert plain["ece"] == plain["ece_calibrated"] == better["ece"]
    assert better["ece_calibrated"] < 0.5 * better["ece"]


def measured(given):
    return figures.measure(given)


def test_each_fold_has_its_own_temperature(tmp_path):
    temperature = np.where(np.arange(120) % 2, 1.0, 4.0)
    figures = run_report.write_report(tmp_path, run(temperature=temperature))
    rows = rows_of(tmp_path / "predictions.csv")
    confidence = [max(float(row[label]) for label in LABELS) for row in rows]
    assert np.mean(confidence[::2]) < np.mean(confidence[1::2]) - 0.1
    assert figures["temperature"] == pytest.approx(2.0)


def test_sums_of_folds_equal_those_of_the_run(written):
    _, figures = written
    folds = figures["per_fold"].values()
    assert sum(fold["n"] for fold in folds) == figures["n"]
    assert sum(fold["n"] * fold["accuracy"] for fold in folds) / 120 == pytest.approx(figures["accuracy"])


@pytest.mark.parametrize(
    ("protocol", "speakers", "over"),
    [
        ("speaker5", None, "speakers"),
        ("random5", None, "clips"),
        ("guide", None, "clips"),
        ("speaker5", ["unknown"] * 120, "clips"),
    ],
)
def test_the_bootstrap_draws_independent_units(protocol, speakers, over):
    given = run(protocol) if speakers is None else run(protocol, speakers=speakers)
    assert measured(given)["interval_over"] == over


def test_without_a_history_none_is_drawn(tmp_path):
    (tmp_path / "kept.txt").write_text("another's")
    run_report.write_report(tmp_path, run(history=()))
    assert sorted(os.listdir(tmp_path)) == sorted({*FILES, "kept.txt"} - {"history.png"})


def test_non_finite_logits_are_an_error_before_anything_is_written(tmp_path):
    given = run()
    given.logits[3, 1] = np.nan
    with pytest.raises(VoxJaxError, match="finite"):
        run_report.write_report(tmp_path / "report", given)
    assert not (tmp_path / "report").exists()


def test_warnings_depend_on_protocol_and_corpus():
    assert figures.warnings_about("speaker5", "ravdess+tess") == []
    assert "synthetic" in figures.warnings_about("random5", "demo")[0]
    assert len(figures.warnings_about("guide", "tess+demo")) == 2


def test_the_printout_has_uar_before_accuracy_with_intervals(written):
    _, figures = written
    text = run_report.printout(figures)
    low, high = figures["uar_ci"]
    assert f"[{low:.1%}, {high:.1%}]" in text
    assert text.index("Test UAR") < text.index("Test Accuracy")
    assert "speaker5" in text
    assert " ".join(text.split()).startswith(f"{'=' * 70} {in_words.sentence(figures)} {'=' * 70}")
    assert "\nECE: expected calibration error: " in text
    lines = [line.split() for line in text.splitlines()]
    matrix = [[int(cell) for cell in line[1:]] for line in lines[-4:-1]]
    assert matrix == figures["confusion"]
    assert max(map(len, text.splitlines())) <= 100


def test_the_printout_has_warnings_and_dashes_for_classes_without_clips():
    given = run("guide", "demo", labels=(*LABELS, "angry"), logits=np.pad(run().logits, ((0, 0), (0, 1))))
    text = run_report.printout(measured(given))
    assert text.count("WARNING") == 2
    assert next(line for line in text.splitlines() if line.startswith("angry")).split() == [
        "angry",
        "-",
        "-",
        "-",
        "0",
    ]
