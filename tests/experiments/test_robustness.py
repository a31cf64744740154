"""evaluate.py --robustness with the model that comes with VoxJAX."""

import csv
import json
import pathlib
import subprocess

import numpy as np
import pytest

from tests import zygote
from tests.voices import write_folder
from voxjax.audio import corruptions
from voxjax.experiments import robustness
from voxjax.inference.predictor import EmotionPredictor

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    root = tmp_path_factory.mktemp("robustness")
    data = write_folder(root, takes=1, speakers=2)
    line = ["scripts/evaluate.py", "--corpus=folder", f"--data_dir={data}", f"--workdir={root / 'run'}", "--robustness"]
    done = subprocess.run([zygote.python(), *line], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return data, root / "run/report", done.stdout


def test_every_corruption_has_a_row(evaluated):
    _, report, printed = evaluated
    rows = json.loads((report / "robustness.json").read_text())
    assert [(row["kind"], row["strength"]) for row in rows] == [
        robustness.UNCORRUPTED,
        *(corruption[:2] for corruption in corruptions.CORRUPTIONS),
    ]
    with (report / "robustness.csv").open(newline="") as file:
        assert [float(row["uar"]) for row in csv.DictReader(file)] == [row["uar"] for row in rows]
    assert rows[0]["uar"] == json.loads((report / "metrics.json").read_text())["uar"] and rows[0]["uar_drop"] == 0
    assert all(row["uar_drop"] == pytest.approx(rows[0]["uar"] - row["uar"]) and row["n"] == 6 for row in rows)
    assert (report / "robustness.png").read_bytes()[:4] == b"\x89PNG"
    assert "telephone     300 to 3,400 Hz" in printed
    assert max(len(line) for line in printed.splitlines() if "/report/" not in line) <= 100


def test_robustness_is_on_the_page_with_intervals(evaluated):
    _, report, _ = evaluated
    figures = json.loads((report / "metrics.json").read_text())
    rows = json.loads((report / "robustness.json").read_text())
    assert figures["robustness"] == rows and rows[0]["uar_ci"] == figures["uar_ci"]
    assert all(row["uar_ci"][0] <= row["uar"] <= row["uar_ci"][1] for row in rows)
    page = (report / "report.html").read_text()
    assert "<h2>Robustness</h2>" in page and 'alt="robustness: ' in page and "telephone, 300 to 3,400 Hz" in page
    with (report / "robustness.csv").open(newline="") as file:
        assert [float(row["uar_high"]) for row in csv.DictReader(file)] == [row["uar_ci"][1] for row in rows]


def test_clips_are_corrupted_by_the_same_noise_in_every_run(evaluated):
    data, report, _ = evaluated
    predictor = EmotionPredictor(None)
    paths = sorted((data / "folder").rglob("*.wav"))
    truth = np.array([predictor.labels.index(path.parts[-3]) for path in paths])
    speakers = [path.parts[-2] for path in paths]
    again = robustness.table(predictor, robustness.Clips(paths, truth, units=speakers), 0)
    assert again == json.loads((report / "robustness.json").read_text())


def test_a_clip_that_is_too_short_at_a_higher_speed_is_padded():
    """0.1 s is the shortest clip that is answered; ten percent faster it is shorter."""
    faster = next(row for row in corruptions.CORRUPTIONS if row[:2] == ("speed", "x 1.1"))
    shortest = np.random.default_rng(0).normal(0, 0.1, 1_600).astype(np.float32)
    ((samples, rate_hz),) = robustness._corrupted(faster, [shortest], 16_000, (0, 0))
    assert len(samples) == 1_600 and not samples[-100:].any()
    assert EmotionPredictor("checkpoints/optimized").predict((samples, rate_hz))["emotion"]
