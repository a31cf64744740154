"""The notebooks run from an empty folder, are kept without outputs, and show what their text says."""

import os
import pathlib
import sys

import nbclient
import nbformat
import pytest

from tests.conftest import QUICK_FLAGS, SHARED

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Parts of what each prints, and how many pictures it shows.
SHOWN = {
    "own_data": (("36 clips", "Test UAR", "UAR ", "guessing 33.3%", "speaker_06", "model:  runs/mine/model"), 3),
    "pure_step": (("compiled 1 time", "0 new programs", "1 new program", "of its own training clips"), 3),
}


def environment(folder):
    """The environment of a kernel: quick compilation, `voxjax` as a command, and no pretrained weights."""
    program = folder / "bin/voxjax"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m voxjax "$@"\n')
    program.chmod(0o755)
    # Streamlit sets the backend of this process; a kernel chooses its own.
    left_out = ("VOXJAX_WEIGHTS", "VOXJAX_DATA", "MPLBACKEND")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return kept | {
        "JAX_COMPILATION_CACHE_DIR": os.environ[SHARED],
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": QUICK_FLAGS,
    }


def outputs(notebook):
    """All that the cells printed, and their pictures."""
    found = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "".join(output["text"] for output in found if "text" in output)
    return text, [output["data"]["image/png"] for output in found if "image/png" in output.get("data", {})]


def test_the_notebooks_are_those_that_are_described():
    assert [path.stem for path in NOTEBOOKS] == sorted(SHOWN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook, work = nbformat.read(path, as_version=4), tmp_path / "work"
    work.mkdir()
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(work)}})
    client.execute(env=environment(tmp_path))
    text, pictures = outputs(notebook)
    words, number = SHOWN[path.stem]
    assert [word for word in words if word not in text] == [] and len(pictures) == number, text
    if "VOXJAX_NOTEBOOKS" in os.environ:  # to look at
        nbformat.write(notebook, pathlib.Path(os.environ["VOXJAX_NOTEBOOKS"]) / path.name)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells), "clear all outputs"
    assert path.stat().st_size < 20_000
