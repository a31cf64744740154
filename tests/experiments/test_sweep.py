"""Sweeps: reading ranges, drawing points, and a complete search on real sound files."""

import csv
import json
import subprocess

import numpy as np
import pytest

from tests import zygote
from tests.experiments.test_train import ROOT
from tests.voices import write_folder
from voxjax.errors import UsageError
from voxjax.experiments import sweep

SMALL = [
    "--config=configs/baseline.py", "--config.model.filters=(6,)", "--config.model.dense=(8,)",
    "--config.corpus=folder", "--config.features.mels=16", "--config.train.batch_size=8", "--config.train.epochs=4",
    "--config.train.valid_fraction=0.2", "--config.member_execution=unroll",
]  # fmt: skip


def test_an_axis_is_read_and_spans_its_range():
    line, curve = sweep.axis("dropout:0:0.5"), sweep.axis("config.hyper.learning_rate=1e-4:1e-2:log")
    assert line == sweep.Axis("dropout", 0.0, 0.5, False) and [line.at(x) for x in (0, 0.5, 1)] == [0, 0.25, 0.5]
    np.testing.assert_allclose([curve.at(x) for x in (0, 0.5, 1)], [1e-4, 1e-3, 1e-2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dropout", "a name and its range"),
        ("dropout:a:b", "a name and its range"),
        ("droput:0:1", "did you mean 'dropout'"),
        ("dropout:0.5:0.1", "LOW < HIGH"),
        ("learning_rate:0:1:log", "0 < LOW < HIGH"),
        ("dropout:0:inf", "LOW < HIGH"),
    ],
)
def test_an_invalid_axis_is_an_error(text, message):
    with pytest.raises(UsageError, match=message):
        sweep.axis(text)


@pytest.mark.parametrize("draw", sweep.DRAWS)
def test_points_are_spread_over_the_unit_cube_and_depend_on_the_seed(draw):
    points = sweep.DRAWS[draw](16, 3, 1)
    assert points.shape == (16, 3) and points.min() >= 0 and points.max() < 1
    np.testing.assert_array_equal(points, sweep.DRAWS[draw](16, 3, 1))
    assert not np.array_equal(points, sweep.DRAWS[draw](16, 3, 2))
    assert np.all(np.abs(points.mean(0) - 0.5) < 0.25)


def test_sobol_points_are_in_all_quarters():
    points = sweep.DRAWS["sobol"](16, 2, 0)
    assert len({(int(4 * x), int(4 * y)) for x, y in points}) == 16


def command(script, corpus, workdir, *more):
    return subprocess.run(
        [zygote.python(), f"scripts/{script}", *SMALL, f"--data_dir={corpus}", f"--workdir={workdir}", *more],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("corpus"))


@pytest.mark.slow
def test_a_sweep_ranks_its_trials_and_training_repeats_the_best(corpus, tmp_path):
    flags = ["--search=learning_rate:1e-4:1e-2:log", "--search=dropout:0:0.4", "--trials=4", "--halve_after=1"]
    done = command("sweep.py", corpus, tmp_path / "sweep", *flags)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "sweep/sweep.json").read_text())
    trials = found["trials"]
    assert sorted(row["epochs"] for row in trials) == [1, 1, 2, 4] and [row["epochs"] for row in trials][:2] == [4, 2]
    assert sorted(row["trial"] for row in trials) == [0, 1, 2, 3]
    for row in trials:
        assert 1e-4 <= row["values"]["learning_rate"] <= 1e-2 and 0 <= row["values"]["dropout"] <= 0.4
    with (tmp_path / "sweep/sweep.csv").open() as file:
        assert [int(row["trial"]) for row in csv.DictReader(file)] == [row["trial"] for row in trials]
    assert not (tmp_path / "sweep/report").exists(), "no test clip is used"
    best = next(line for line in done.stdout.splitlines() if line.startswith("The best: ")).removeprefix("The best: ")
    alone = command("train.py", corpus, tmp_path / "alone", *best.split())
    assert alone.returncode == 0, alone.stderr
    rows = [json.loads(line) for line in (tmp_path / "alone/metrics.jsonl").read_text().splitlines()]
    assert max(row["valid_uar"] for row in rows) == pytest.approx(trials[0]["valid_uar"], abs=1e-6)


def fitted(script, corpus, workdir, *more):
    """A discriminant on two windows a clip, which has one noisy copy."""
    own = [
        "--config=configs/discriminant.py", "--config.corpus=folder", "--config.protocol=random5",
        "--config.features.channels=('logmel',)", "--config.features.mels=12", "--config.features.max_duration_s=0.5",
        "--config.offline_augment.augmentation_factor=1", "--config.offline_augment.methods=('noise',)",
    ]  # fmt: skip
    return subprocess.run(
        [zygote.python(), f"scripts/{script}", *own, f"--data_dir={corpus}", f"--workdir={workdir}", *more],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip


def test_values_of_a_closed_form_are_fitted_to_inner_folds_in_one_program(corpus, tmp_path):
    flags = ["--search=model.shrinkage:0.01:1", "--search=nuisance:0:4", "--trials=8"]
    done = fitted("sweep.py", corpus, tmp_path / "sweep", *flags)
    assert done.returncode == 0, done.stderr
    trials = json.loads((tmp_path / "sweep/sweep.json").read_text())["trials"]
    assert sorted(row["trial"] for row in trials) == list(range(8))
    uars = [row["valid_uar"] for row in trials]
    assert uars == sorted(uars, reverse=True) and uars[0] > 0.4 and len(set(uars)) > 1
    assert not (tmp_path / "sweep/report").exists(), "no test clip is used"
    best = next(line for line in done.stdout.splitlines() if line.startswith("The best: ")).removeprefix("The best: ")
    assert "--config.model.shrinkage=" in best and "--config.model.nuisance=" in best
    alone = fitted("train.py", corpus, tmp_path / "alone", *best.split())
    assert alone.returncode == 0, alone.stderr
    again = fitted("sweep.py", corpus, tmp_path / "again", *flags)
    assert json.loads((tmp_path / "again/sweep.json").read_text())["trials"] == trials
    assert again.returncode == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--search=dropout:0:1"], "--search of architecture lda: expected one of shrinkage, nuisance"),
        (["--search=shrinkage:0:2"], "config.model.shrinkage: expected"),
        (["--search=shrinkage:0.1:1", "--halve_after=2"], "--halve_after: expected 0 for a model without epochs"),
    ],
)
def test_a_search_that_a_closed_form_does_not_have_is_an_error(corpus, tmp_path, flags, message):
    done = fitted("sweep.py", corpus, tmp_path / "sweep", *flags)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--search: expected at least one"),
        (["--search=shrinkage:0.1:1"], "--search of architecture baseline: expected one of learning_rate"),
        (["--search=dropout:0:1", "--search=dropout:0:2"], "each name once"),
        (["--search=dropout:0:1", "--config.n_members=2"], "one member"),
        (["--search=dropout:0:1", "--draw=soboll"], "did you mean 'sobol'"),
    ],
)
def test_an_invalid_search_is_an_error_before_anything_is_written(corpus, tmp_path, flags, message):
    done = command("sweep.py", corpus, tmp_path / "sweep", *flags)
    assert done.returncode == 2 and message in done.stderr and not (tmp_path / "sweep").exists(), done.stderr
