"""ONNX files: run by ONNX Runtime on real clips, and compared with the predictor."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.deploy.conftest import MODELS, RATE_HZ, ROOT
from voxjax.deploy import onnx_file
from voxjax.version import __version__

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("model", MODELS)
def test_onnx_runtime_answers_as_the_predictor(model, exported, clips, predicted):
    call = onnx_file.run(exported(model, "onnx"))
    for name, samples in clips.items():
        np.testing.assert_allclose(call(samples), predicted[model][name], rtol=0, atol=1e-4, err_msg=name)


def test_the_file_states_labels_rate_licence_version_and_opset(exported):
    content = exported("whisper_statistics", "onnx")
    assert len(content) < 20e6
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["labels"])[:2] == ["neutral", "calm"] and len(json.loads(known["labels"])) == 8
    assert known["sample_rate_hz"] == str(RATE_HZ) and "CC BY-NC-SA" in known["licence"]
    assert known["voxjax"] == __version__
    assert known["opset"] == str(onnx.load_from_string(content).opset_import[0].version) == "18"
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape, given.type) == ("samples", ["time"], "tensor(float)")
    assert (answer.name, answer.shape) == ("probabilities", [8])


def test_the_lines_of_the_page_answer_without_voxjax(exported, clips, predicted, tmp_path):
    page = (ROOT / "docs/export.md").read_text(encoding="utf-8")
    (lines,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "onnxruntime" in block)
    (tmp_path / "model.onnx").write_bytes(exported("ensemble", "onnx"))
    soundfile.write(tmp_path / "speech.wav", clips["3 s"], RATE_HZ, subtype="FLOAT")
    lines += "\nimport sys\nassert not {'jax', 'voxjax'} & set(sys.modules)\n"
    done = subprocess.run([sys.executable, "-P", "-c", lines], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [float(line.split()[1]) for line in done.stdout.splitlines()]
    np.testing.assert_allclose(found, predicted["ensemble"]["3 s"], rtol=0, atol=1.5e-4)


def test_every_shipped_model_was_exported_within_the_tolerance():
    rows = json.loads((ROOT / "docs/results/export.json").read_text(encoding="utf-8"))["rows"]
    models = {path.parent.name for path in (ROOT / "checkpoints").glob("*/model.json")}
    assert {(row["model"], row["format"]) for row in rows} == {(m, f) for m in models for f in ("onnx", "stablehlo")}
    assert all(max(row["difference_on_export"], *row["difference"].values()) <= 1e-4 for row in rows)
    assert max(row["megabytes"] for row in rows if row["model"] == "whisper_statistics") <= 20
