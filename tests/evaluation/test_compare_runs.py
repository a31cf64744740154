"""compare.py on reports written to disk."""

import json
import pathlib
import subprocess
import unicodedata

import numpy as np
import pytest

from tests import zygote
from tests.reporting.test_run_report import run as example
from voxjax.errors import VoxJaxError
from voxjax.evaluation import compare_runs
from voxjax.reporting import run_report

ROOT = pathlib.Path(__file__).resolve().parents[2]


def written(folder, **changes):
    run_report.write_report(folder / "report", example(**changes))
    return folder


def better(strength):
    """The example's logits, moved towards the truth."""
    base = example()
    return base.logits + strength * np.eye(3)[base.truth]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return written(root / "a", logits=better(3.0)), written(root / "b")


def test_figures_and_differences_equal_those_of_the_reports(runs):
    found = compare_runs.compare(*runs)
    figures = [json.loads((run / "report/metrics.json").read_text()) for run in runs]
    for name in ("uar", "accuracy"):
        row = found[name]
        assert [row["first"], row["second"]] == pytest.approx([f[name] for f in figures])
        assert row["difference"] == pytest.approx(figures[0][name] - figures[1][name]) and row["difference"] > 0
        assert row["interval"][0] <= row["difference"] <= row["interval"][1] and 0 < row["p"] <= 1
    assert found["unit"] == "speakers" and found["units"] == 6 and found["clips"] == 120
    for label, pair in found["per_class"].items():
        assert pair == pytest.approx([f["per_class"][label]["recall"] for f in figures])
    for speaker, pair in found["per_speaker"].items():
        assert pair == pytest.approx([f["per_speaker"][speaker] for f in figures])
    swapped = compare_runs.compare(*reversed(runs))
    assert swapped["uar"]["difference"] == pytest.approx(-found["uar"]["difference"])
    assert swapped["uar"]["p"] == found["uar"]["p"] == 2 / 64  # all six speakers improve


def test_a_run_equals_itself(runs):
    found = compare_runs.compare(runs[1], runs[1])
    assert found["uar"]["difference"] == 0 and found["uar"]["p"] == found["mcnemar_p"] == found["agreement"] == 1
    assert "may be chance" in compare_runs.printout(found)


def test_clips_are_the_units_where_the_protocol_is_by_clip(tmp_path):
    runs = [written(tmp_path / str(i), protocol="random5", logits=better(2.0 * i)) for i in range(2)]
    found = compare_runs.compare(*runs)
    assert found["unit"] == "clips" and found["units"] == 120
    assert found["accuracy"]["p"] == pytest.approx(found["mcnemar_p"], abs=0.02)


def test_rows_may_come_in_any_order(runs, tmp_path):
    base = example()
    order = np.random.default_rng(3).permutation(len(base.truth))
    columns = {name: [getattr(base, name)[i] for i in order] for name in ("clips", "speakers", "genders")}
    arrays = {name: np.asarray(getattr(base, name))[order] for name in ("folds", "truth", "logits")}
    other = compare_runs.compare(runs[0], written(tmp_path / "mixed", **columns, **arrays))
    assert other["uar"] == compare_runs.compare(*runs)["uar"]
    assert other["agreement"] == compare_runs.compare(*runs)["agreement"]


@pytest.mark.parametrize("kind", ["audio", "unicode", "published name"])
def test_clips_are_paired_by_what_they_are(runs, tmp_path, kind):
    """The same recordings in another folder, in another format, or on a Mac."""
    base = example()
    clips = [f"Actor_{i % 6:02d}/{i}, täke.wav" for i in range(120)]
    names = {
        "audio": [f"elsewhere/{i * 7 % 120}.flac" for i in range(120)],
        "unicode": [unicodedata.normalize("NFD", clip) for clip in clips],
        "published name": [f"speech/{clip.rpartition('/')[2].upper().removesuffix('.WAV')}.mp3" for clip in clips],
    }[kind]
    hashes = [f"hash {i}" for i in range(120)] if kind == "audio" else []
    people = [name.lower() for name in base.speakers]
    first = written(tmp_path / "a", clips=clips, audio_hashes=hashes, logits=better(3.0))
    second = written(tmp_path / "b", clips=names, audio_hashes=hashes, speakers=people)
    found, expected = compare_runs.compare(first, second), compare_runs.compare(*runs)
    for key in ("uar", "accuracy", "agreement", "mcnemar_p", "per_speaker"):
        assert found[key] == expected[key]


def test_seeds_are_averaged_within_a_clip(runs, tmp_path):
    base = example()
    twice = {name: [*getattr(base, name)] * 2 for name in ("clips", "speakers", "genders")}
    arrays = {name: np.concatenate([getattr(base, name)] * 2) for name in ("folds", "truth")}
    both = written(tmp_path / "two", logits=np.concatenate([base.logits, better(3.0)]), **twice, **arrays)
    found = compare_runs.compare(runs[0], both)
    single = compare_runs.compare(*runs)
    assert found["accuracy"]["difference"] == pytest.approx(single["accuracy"]["difference"] / 2)
    assert found["mcnemar_p"] is None and found["clips"] == 120
    assert "McNemar" not in compare_runs.printout(found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus": "tess"}, "one corpus, found ravdess and tess"),
        ({"protocol": "speaker6"}, "one protocol"),
        ({"labels": ("calm", "happy", "angry")}, "one labels"),
        ({"clips": [f"{i}.wav" for i in range(120)]}, "the same test clips, found 240 that differ"),
        ({"truth": (example().truth + 1) % 3}, "the same test clips"),
    ],
)
def test_runs_that_cannot_be_compared_are_errors(runs, tmp_path, changes, message):
    with pytest.raises(VoxJaxError, match=message):
        compare_runs.compare(runs[0], written(tmp_path / "other", **changes))


def test_folders_without_a_report_or_with_a_damaged_one_are_errors(runs, tmp_path):
    with pytest.raises(VoxJaxError, match="name the --workdir of a finished"):
        compare_runs.compare(runs[0], tmp_path)
    damaged = written(tmp_path / "damaged")
    text = (damaged / "report/predictions.csv").read_text()
    (damaged / "report/predictions.csv").write_text(text.replace("truth", "label", 1))
    with pytest.raises(VoxJaxError, match="make the report again"):
        compare_runs.compare(runs[0], damaged)


def command(*arguments):
    return subprocess.run(
        [zygote.python(), "scripts/compare.py", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )


def test_the_command(runs, tmp_path):
    done = command(*runs, f"--out={tmp_path / 'found.json'}")
    assert done.returncode == 0 and "A has the higher UAR" in done.stdout and "Actor_03" in done.stdout
    shown = command(*runs, "--format=json")
    assert json.loads(shown.stdout) == json.loads((tmp_path / "found.json").read_text()) == compare_runs.compare(*runs)
    assert command(runs[0]).returncode == 2
    missing = command(runs[0], tmp_path / "nowhere")
    assert missing.returncode == 1 and len(missing.stderr.splitlines()) == 1
