"""The export of a model: checked against the predictor, and kept only if it agrees."""

import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from tests import untrained, zygote
from voxjax.artifacts import model_folder
from voxjax.deploy import EXPORT_FORMATS, ExportFormat, base, checked_export
from voxjax.errors import VoxJaxError

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a small model."""
    path = tmp_path_factory.mktemp("model")
    model_folder.save(path, untrained.model())
    return str(path)


@pytest.fixture
def in_memory(monkeypatch):
    """A format "in_memory" that runs the graph by JAX, its probabilities raised to a power."""

    def of(power):
        graphs = []

        def write(graph, metadata):
            graphs.append(jax.jit(lambda samples: base.probabilities(graph, samples)))
            return b"content"

        run = ExportFormat(write, lambda content: lambda samples: np.asarray(graphs[-1](samples)) ** power)
        monkeypatch.setitem(EXPORT_FORMATS, "in_memory", run)

    return of


def test_a_file_that_agrees_is_kept_and_compared(in_memory, folder, tmp_path):
    in_memory(power=1.0)
    done = checked_export.export(folder, "in_memory", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"content" and done.size_bytes == 7
    assert done.difference <= 1e-4 and done.clips == 5
    assert done.file_ms > 0 and done.predictor_ms > 0


@pytest.mark.parametrize("power", [1.01, np.nan])
def test_a_file_that_does_not_agree_is_not_kept(in_memory, power, folder, tmp_path):
    in_memory(power)
    line = "probabilities within 0.0001 of those of voxjax predict, found a difference of (0.00|nan)"
    with pytest.raises(VoxJaxError, match=line):
        checked_export.export(folder, "in_memory", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_command_knows_every_format():
    code = "from voxjax.cli.commands import export; print(*export.FORMATS)"  # its flags stay out of this process
    listed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout.split() == list(EXPORT_FORMATS)


def voxjax_export(*arguments):
    command = [zygote.python(), "-m", "voxjax", "export", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_the_command_reports_size_difference_and_speed(folder, tmp_path):
    pytest.importorskip("onnxruntime")
    out = tmp_path / "small.onnx"
    code, lines, err = voxjax_export(f"--model={folder}", "--format=onnx", f"--out={out}")
    assert (code, err) == (0, "")
    first, second, third = lines.splitlines()
    assert first == f"{out}: onnx, {out.stat().st_size / 1e6:.1f} MB"
    assert second.endswith("over 5 sounds (limit 0.0001)") and third.startswith("3 s of speech: ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "error: voxjax export: expected --out=FILE, found nothing; name the file to write"),
        (("--out=x", "--model=nowhere"), "error: model: expected a folder with model.json, found nowhere; "),
    ],
)
def test_wrong_use_gives_one_line(arguments, line):
    code, out, err = voxjax_export(*arguments)
    assert code in (1, 2) and out == "" and err.startswith(line) and err.count("\n") == 1
