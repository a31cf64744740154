"""Models from a hub, against a local server that speaks its protocol."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest
import soundfile

from tests import hub_server
from voxjax.data import synthetic
from voxjax.downloads import hub
from voxjax.errors import UsageError

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = {path.name: path.read_bytes() for path in (ROOT / "checkpoints/optimized").iterdir()}
# Each address in turn: the files that came, or the error.
SCRIPT = """
import json, sys
from voxjax.downloads import hub
from voxjax.errors import VoxJaxError
for address in sys.argv[1:]:
    try:
        folder = hub.model_path(address)
        print(json.dumps(sorted(path.name for path in folder.iterdir())))
    except VoxJaxError as error:
        print(json.dumps(str(error)))
"""


def run(url, home, *command, offline=False):
    env = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home), "PYTHONPATH": str(ROOT)}
    env |= {"HF_HUB_OFFLINE": "1"} if offline else {}
    return subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, check=True)


def outcomes(url, home, *addresses, offline=False):
    done = run(url, home, "-c", SCRIPT, *addresses, offline=offline)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def served():
    with hub_server.running() as server:
        server.repositories = {
            "me/model": {**MODEL, "notes.bin": b"x" * 1000, "run.py": b"raise SystemExit"},
            "me/many": {f"trained/best/{name}": content for name, content in MODEL.items()},
            "other/kind": {"config.json": b"{}", "pytorch_model.bin": b"weights"},
            "me/forged": MODEL,
            "me/endless": MODEL,
            "me/huge": {**MODEL, "encoder.npz": Sized(3 * 2**30)},
        }
        weights = MODEL["weights.npz"]
        server.false = {
            f"me/forged/resolve/{hub_server.COMMIT}/weights.npz": weights[:-1] + bytes([weights[-1] ^ 1]),
            f"me/endless/resolve/{hub_server.COMMIT}/weights.npz": weights + bytes(64 << 20),
        }
        server.statuses = {"me/gated": (403, "GatedRepo"), "me/broken": (500, "")}
        yield server


class Sized(bytes):
    """Bytes that say that they are more."""

    def __new__(cls, size):
        made = super().__new__(cls, b"small")
        made.size = size
        return made

    def __len__(self):
        return self.size


def test_only_a_models_own_files_come_and_all_else_is_one_line(served, tmp_path):
    found = outcomes(
        served.url,
        tmp_path,
        "hf://me/model",
        "hf://me/many/trained/best@main",
        "hf://other/kind",
        "hf://me/missing",
        "hf://me/model@v9",
        "hf://me/gated",
        "hf://me/broken",
        "hf://me/huge",
        "hf://me/many",
        "hf://me/forged",
        "hf://me/endless",
    )
    assert found[0] == found[1] == sorted(MODEL)
    assert found[2] == (
        "hf://other/kind: expected model.json, found config.json, pytorch_model.bin; name a model that VoxJAX trained; "
        "models of other toolkits are not read"
    )
    assert "no such repository, or a private one" in found[3]
    assert found[4] == "hf://me/model: expected revision v9, found no such branch, tag or commit; check the name"
    assert "terms must be accepted first" in found[5]
    assert found[6].startswith("hf://me/broken: expected an answer of the hub, found ")
    assert found[7] == "hf://me/huge: expected a model of at most 2 GiB, found 3.0 GiB; choose a smaller model"
    assert "expected model.json, found trained/best/README.md" in found[8]
    assert found[9].startswith("hf://me/forged weights.npz: expected git ") and "changed on its way" in found[9]
    assert (
        found[10] == f"hf://me/endless: expected {sum(map(len, MODEL.values()))} bytes, found more; do not use this hub"
    )
    assert not [path for _, path in served.requests if path.endswith((".bin", ".py"))]


def test_a_model_that_came_once_serves_without_a_network(served, tmp_path):
    assert outcomes(served.url, tmp_path, "hf://me/model") == [sorted(MODEL)]
    asked = len(served.requests)
    assert outcomes(served.url, tmp_path, "hf://me/model", offline=True) == [sorted(MODEL)]
    assert len(served.requests) == asked
    assert outcomes("http://127.0.0.1:9", tmp_path, "hf://me/model", "hf://me/many") == [
        sorted(MODEL),
        "hf://me/many: expected the model in the local cache, or a network, found neither; connect once, and it is "
        "kept for later; or unset HF_HUB_OFFLINE",
    ]


def test_predict_answers_with_a_model_of_a_hub(served, tmp_path):
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, synthetic.render(synthetic.SPEAKERS[0], "angry", 0), synthetic.SAMPLE_RATE_HZ)
    command = ["-m", "voxjax", "predict", str(clip), "--model=hf://me/model", "--format=json"]
    answer = json.loads(run(served.url, tmp_path, *command).stdout)
    assert answer["model"] == "hf://me/model" and answer["emotion"] in answer["probabilities"]


@pytest.mark.parametrize("address", ["hf://", "hf://model", "hf://a/b?x", "hf://../b", "hf://a/b/../c", "hf://a/b@"])
def test_an_address_of_another_form_is_wrong_use(address):
    with pytest.raises(UsageError, match="expected hf://OWNER/NAME"):
        hub.model_path(address)


def test_parts_of_an_address():
    assert hub.parsed("hf://me/a.b-c/one/two@v1.0") == hub.HubModel("me/a.b-c", "one/two", "v1.0")
    assert hub.parsed("hf://me/model/") == hub.HubModel("me/model", "", None)
    assert hub.model_path("runs/model") == pathlib.Path("runs/model")


def test_without_the_package_the_extra_is_named(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "huggingface_hub" else real(name))
    with pytest.raises(UsageError, match=r"pip install 'voxjax\[hub\]'"):
        hub.model_path("hf://me/model")
