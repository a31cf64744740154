"""StableHLO files: run where VoxJAX can't be imported, and compared with the predictor."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tests.deploy.conftest import MODELS, RATE_HZ
from voxjax.version import __version__

ALONE = """
import importlib.abc, json, sys, zipfile

class NoVoxJAX(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("voxjax", "flax"):
            raise ImportError(name)

sys.meta_path.insert(0, NoVoxJAX())
import jax, numpy
from jax import export
program = export.deserialize(bytearray(zipfile.ZipFile("model.zip").read("program.bin")))
call = jax.jit(program.call)
print(json.dumps({name: call(samples).tolist() for name, samples in numpy.load("clips.npz").items()}))
"""


@pytest.mark.parametrize("model", MODELS)
def test_a_process_without_voxjax_answers_as_the_predictor(model, exported, clips, predicted, tmp_path):
    (tmp_path / "model.zip").write_bytes(exported(model, "stablehlo"))
    np.savez(tmp_path / "clips.npz", **clips)
    command = [sys.executable, "-P", "-c", ALONE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers.keys() == clips.keys()
    for name, answer in answers.items():
        np.testing.assert_allclose(answer, predicted[model][name], rtol=0, atol=1e-4, err_msg=name)


def test_the_file_states_labels_rate_licence_and_version(exported, tmp_path):
    content = exported("whisper_statistics", "stablehlo")
    assert len(content) < 20e6
    (tmp_path / "model.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "model.zip") as zipped:
        known = json.loads(zipped.read("metadata.json"))
    assert known["labels"] == ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
    assert known["sample_rate_hz"] == RATE_HZ and "CC BY-NC-SA" in known["licence"]
    assert known["voxjax"] == __version__ and known["platforms"] == ["cpu", "cuda", "tpu"]
