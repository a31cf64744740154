"""ONNX files: run by ONNX Runtime on real clips, and compared with the predictor."""

import json

import numpy as np
import pytest

from tests.deploy.conftest import MODELS, RATE_HZ
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
