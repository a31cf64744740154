"""`voxjax explain`: pictures, tables and summaries of recordings, and one line for what can't be explained."""

import csv
import io
import json
import pathlib
import subprocess

import matplotlib.image
import numpy as np
import pytest
import soundfile

from tests import zygote
from tests.attribution import test_explanation
from tests.inference import test_predictor
from voxjax.attribution import explanation_files
from voxjax.errors import UsageError

RATE_HZ = test_explanation.RATE_HZ


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, and a folder with a recording and one that is broken."""
    root = tmp_path_factory.mktemp("explain")
    test_predictor.saved(root / "model", test_explanation.one_band_member())
    (root / "talks").mkdir()
    soundfile.write(root / "talks/a.wav", np.tile(test_explanation.sound(), 2), RATE_HZ)
    (root / "talks/broken.wav").write_bytes(b"RIFF")
    return root


def voxjax(folder, *arguments):
    command = [zygote.python(), "-m", "voxjax", "explain", *arguments, f"--model={folder / 'model'}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_folder_gives_pictures_tables_and_json(folder):
    flags = ["--method=both", "--start=1", "--patch=0.2", "--bands=8", "--format=json"]
    code, out, err = voxjax(folder, "talks", "--out=explained", *flags)
    assert code == 1 and "broken.wav" in err and "1 of 2 recordings could not be explained" in err
    [summary] = [json.loads(line) for line in out.splitlines()]
    files = [folder / name for name in summary["files"]]
    assert sorted((folder / "explained").iterdir()) == sorted(files)
    picture = matplotlib.image.imread(files[0])
    assert min(picture.shape[:2]) > 500 and np.ptp(picture) > 0.5
    rows = list(csv.DictReader(io.StringIO(files[1].read_text(), newline="")))
    assert len(rows) == 2 * 5 * 8 and list(rows[0]) == list(explanation_files.COLUMNS)
    for method, found in summary["methods"].items():
        own = [row for row in rows if row["method"] == method]
        first = max(own, key=lambda row: abs(float(row["effect_nats"])))
        assert (float(first["start_s"]), float(first["end_s"])) == (1.6, 1.8)
        assert float(first["effect_nats"]) == pytest.approx(found["patches"][0]["effect"], abs=1e-5)
    assert summary["methods"]["occlusion"]["gap"] is None and summary["label"] == summary["emotion"]


def test_a_mistyped_label_is_wrong_use(folder):
    code, out, err = voxjax(folder, "talks/a.wav", "--out=other", "--label=angri")
    assert (code, out) == (2, "") and err.count("\n") == 1 and "did you mean 'angry'?" in err
    assert not (folder / "other").exists()


def test_each_recording_has_files_of_its_own():
    places = [(name, pathlib.Path(name)) for name in ("a.wav", "a.mp3", "b/a.wav")]
    found = explanation_files.targets(places, "out")
    assert [[str(file) for file in files] for files in found] == [
        ["out/a.png", "out/a.csv"],
        ["out/a.mp3.png", "out/a.mp3.csv"],
        ["out/b/a.png", "out/b/a.csv"],
    ]
    with pytest.raises(UsageError, match="a name for each recording"):
        explanation_files.targets([places[0]] * 3, "out")
