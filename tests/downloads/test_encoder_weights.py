"""Encoders' weights from a local server: moved to where training finds them only when complete."""

import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest

from tests import runs, zygote
from tests import server as servers
from tests.encoders.test_whisper import hugging_face, random_tensors
from tests.server import Response
from voxjax import encoders
from voxjax.config import EncoderFeatures
from voxjax.downloads import corpora as corpus_downloads
from voxjax.downloads import encoder_weights as encoder_downloads
from voxjax.downloads.http import RetryPolicy
from voxjax.downloads.sources import weights
from voxjax.downloads.sources.huggingface import PinnedFile
from voxjax.encoders import tensors
from voxjax.errors import UsageError, VoxJaxError
from voxjax.pipeline import encoder_weights

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMPATIENT = RetryPolicy(timeout_s=2.0, tries=2, first_wait_s=0.01)
NAME, FILE = "whisper_tiny_en", "whisper_tiny_en_encoder"
COMMIT = weights.PUBLISHED[NAME].commit
ADDRESS = f"/huggingface.co/openai/whisper-tiny.en/resolve/{COMMIT}/model.safetensors"
BYTES = "/cdn/oid"  # the target of the host's redirect
FEATURES = EncoderFeatures(encoder=NAME, blocks=(2,), hop_ms=20.0)


@pytest.fixture(scope="module")
def content():
    """A small Whisper as it is published."""
    numpy = pytest.importorskip("safetensors.numpy")
    return numpy.save({f"model.{hugging_face(name)}": values for name, values in random_tensors(64, 2).items()})


@pytest.fixture
def server(content):
    with servers.running() as running:
        running.files[BYTES] = content
        running.responses[ADDRESS] = [Response(status=302, headers=(("Location", BYTES),))]
        yield running


def small_source(content, **more):
    """The row with a small file's own size and checksum."""
    files = {"model.safetensors": content, **more}
    pins = {name: PinnedFile(len(held), hashlib.sha256(held).hexdigest()) for name, held in files.items()}
    return weights.PUBLISHED[NAME]._replace(files=pins)


def download(server, folder, row):
    return list(encoder_downloads.download_encoder(NAME, row, folder, IMPATIENT, server.url))


def left(folder):
    """All files but the one with the version of a partial file."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".version"]
    return sorted(path.relative_to(folder).as_posix() for path in files)


def test_downloaded_weights_are_found_by_training(server, tmp_path, content, monkeypatch):
    lines = download(server, tmp_path / "weights", small_source(content))
    assert left(tmp_path) == [f"weights/{FILE}/{name}" for name in (corpus_downloads.RECORD, "model.safetensors")]
    assert COMMIT in lines[0] and all("MIT licence" in lines[i] for i in (0, -1))
    monkeypatch.setenv("VOXJAX_WEIGHTS", str(tmp_path / "weights"))
    (found,) = encoder_weights.load(FEATURES, runs.paths(None, tmp_path / "cache"))
    assert found.params["block2"]["mlp_in"]["kernel"].shape == (64, 256)
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    (tmp_path / "weights").rename(tmp_path / "encoders")
    assert encoder_weights.load(FEATURES, runs.paths(None, tmp_path))[0].digest == found.digest, "in the cache, too"
    record = json.loads((tmp_path / f"encoders/{FILE}" / corpus_downloads.RECORD).read_text())
    assert record["encoder"] == NAME and "MIT" in record["licence"]
    sha256 = hashlib.sha256(content).hexdigest()
    assert record["files"] == {"model.safetensors": {"bytes": len(content), "sha256": sha256}}


def test_a_second_run_verifies_and_requests_nothing(server, tmp_path, content):
    download(server, tmp_path, small_source(content))
    asked = len(server.requests)
    assert download(server, tmp_path, small_source(content))[-1].startswith(
        f"{NAME}: already there, verified (1 files in"
    )
    path = tmp_path / FILE / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(VoxJaxError, match="1 files that were fetched, found 1 missing or changed, as model"):
        download(server, tmp_path, small_source(content))
    assert len(server.requests) == asked


def test_a_dropped_connection_is_resumed(server, tmp_path, content):
    server.responses[BYTES] = [Response(cut=100_000), Response(cut=50_000, length=0), Response()]
    download(server, tmp_path, small_source(content))
    assert server.ranges(BYTES) == ["", "bytes=100000-", "bytes=150000-"]
    assert sum(request.sent for request in server.requests if request.path == BYTES) == len(content), "no byte twice"


def test_an_interrupted_run_is_resumed_by_the_next(server, tmp_path, content):
    server.responses[BYTES] = [Response(cut=100_000), Response(status=503)]
    with pytest.raises(VoxJaxError, match="HTTP 503"):
        download(server, tmp_path, small_source(content))
    assert not (tmp_path / FILE).exists()
    server.responses[BYTES] = [Response()]
    download(server, tmp_path, small_source(content))
    assert server.ranges(BYTES)[-1] == "bytes=100000-" and [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: held[:-1] + b"\0", r"model\.safetensors: expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}; "),
        (lambda held: held[:-1], r"model\.safetensors: expected \d+ bytes, found \d+; "),
    ],
)
def test_other_bytes_are_rejected_and_not_kept(server, tmp_path, content, change, message):
    server.files[BYTES] = change(content)
    with pytest.raises(VoxJaxError, match=message):
        download(server, tmp_path, small_source(content))
    assert left(tmp_path) == []


def test_one_of_two_files_is_not_a_download(server, tmp_path, content):
    row = small_source(content, **{"config.json": b"{}"})
    with pytest.raises(VoxJaxError, match=r"config\.json: expected to be given .*HTTP 404"):
        download(server, tmp_path, row)
    assert not (tmp_path / FILE).exists()
    server.files[ADDRESS.replace("model.safetensors", "config.json")] = b"{}"
    download(server, tmp_path, row)
    assert left(tmp_path / FILE) == ["config.json", corpus_downloads.RECORD, "model.safetensors"]


def test_an_existing_folder_of_the_user_is_left_alone(server, tmp_path, content):
    (tmp_path / FILE).mkdir()
    with pytest.raises(VoxJaxError, match="move it away to fetch it anew"):
        download(server, tmp_path, small_source(content))
    assert server.requests == []


def test_the_folder_is_the_flag_the_environment_variable_or_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VOXJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VOXJAX_WEIGHTS", raising=False)
    assert encoder_downloads.weights_folder(None) == tmp_path / "cache/encoders"
    monkeypatch.setenv("VOXJAX_WEIGHTS", str(tmp_path / "mine"))
    assert encoder_downloads.weights_folder(None) == tmp_path / "mine"
    assert encoder_downloads.weights_folder("other") == pathlib.Path("other")


def test_every_encoder_can_be_fetched_or_is_explained(tmp_path):
    assert {*weights.PUBLISHED, *weights.BY_HAND} == set(encoders.ENCODERS)
    assert not set(weights.PUBLISHED) & set(weights.BY_HAND)
    (tmp_path / FILE).mkdir()
    (tmp_path / FILE / corpus_downloads.RECORD).write_text("{}")
    lines = list(encoder_downloads.listing(tmp_path))
    assert [line.split()[0] for line in lines] == [*weights.PUBLISHED, *weights.BY_HAND]
    assert [line.split()[0] for line in lines if line.endswith("[there]")] == [NAME]
    page = (ROOT / "docs/weights.md").read_text()
    for name, row in weights.PUBLISHED.items():
        assert re.search(rf"^\| `{name}` \|.*{re.escape(row.repository)}.*{re.escape(row.size)}", page, re.MULTILINE)
        assert re.fullmatch("[0-9a-f]{40}", row.commit)
        assert all(re.fullmatch("[0-9a-f]{64}", pinned.sha256) for pinned in row.files.values())


@pytest.mark.parametrize("name", weights.BY_HAND)
def test_the_error_of_weights_that_are_not_downloaded_explains_how_to_get_them(name, tmp_path, monkeypatch):
    monkeypatch.delenv("VOXJAX_WEIGHTS", raising=False)  # it may hold them
    with pytest.raises(VoxJaxError) as caught:
        list(encoder_downloads.download(name, tmp_path, IMPATIENT, ""))
    message = str(caught.value)
    assert message.startswith(f"{name}: expected weights that can be read as they are published, found ")
    assert "https://" in message and "\n" not in message
    config = EncoderFeatures(encoder=name, blocks=(1,), hop_ms=encoders.ENCODERS[name].hop_ms)
    place = re.search(rf"({re.escape(str(tmp_path))}/\w+)(\.npz)?", message)
    with pytest.raises(VoxJaxError) as missing:
        encoder_weights.load(config, runs.paths(None, tmp_path))
    wanted = pathlib.Path(place[0]).name + ("" if place[2] else f"/{tensors.WHOLE}")
    assert wanted in str(missing.value), "there it is looked for"
    assert f"run voxjax download --encoder={name}" in str(missing.value)


def test_unknown_names_are_an_error_before_any_download(tmp_path):
    with pytest.raises(UsageError, match=r"--encoder: expected a known name, .*; did you mean 'whisper_tiny'\?"):
        next(encoder_downloads.download("yamnet+whisper_tinny", tmp_path, IMPATIENT, ""))


@pytest.mark.filterwarnings("ignore")  # within the reference
def test_the_documented_line_converts_a_pickle(tmp_path):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    sizes |= {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    model = transformers.AutoModel.from_config(transformers.AutoConfig.for_model("hubert", **sizes))
    model.config.save_pretrained(tmp_path / "pickled")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "pickled")
    torch.save(model.state_dict(), tmp_path / "pickled/pytorch_model.bin")
    code = re.search(r'python -c "(.*)"', weights.instructions("hubert_base", tmp_path))[1]
    exec(code.replace("facebook/hubert-base-ls960", str(tmp_path / "pickled")), {})
    config = EncoderFeatures(encoder="hubert_base", blocks=(1,), hop_ms=20.0)
    (tmp_path / "encoders").mkdir()
    (tmp_path / "hubert_base").rename(tmp_path / "encoders/hubert_base")
    assert len(encoder_weights.load(config, runs.paths(None, tmp_path))) == 1


def command(*flags):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [zygote.python(), "scripts/download.py", *flags]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_command_rejects_a_substitute_from_a_mirror(server, tmp_path, content):
    done = command(f"--encoder={NAME}", f"--weights_dir={tmp_path}", f"--mirror={server.url}")
    size = weights.PUBLISHED[NAME].files["model.safetensors"].size_bytes
    assert done.returncode == 1 and "MIT licence" in done.stdout
    assert done.stderr.startswith(f"error: model.safetensors: expected {size} bytes, found {len(content)}; ")
    assert done.stderr.count("\n") == 1 and left(tmp_path) == []


@pytest.mark.parametrize(
    ("flags", "found"), [((), "neither"), ((f"--encoder={NAME}", "--corpus=tess", "--data_dir=x"), "both")]
)
def test_a_corpus_or_an_encoder_is_required(flags, found):
    done = command(*flags)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"download: expected --corpus=NAME or --encoder=NAME, found {found}; " in done.stderr


def test_the_list_has_corpora_and_encoders(tmp_path):
    done = command("--list", f"--weights_dir={tmp_path}")
    names = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert done.returncode == 0 and {"ravdess", *encoders.ENCODERS} <= set(names)
