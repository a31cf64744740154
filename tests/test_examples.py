"""The examples of docs/adding.md: complete files that add an architecture, a loss, a corpus and an encoder."""

import json
import pathlib
import re
import runpy
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import soundfile

from tests import runs
from voxjax import losses
from voxjax.config import Config
from voxjax.config_schema import freeze
from voxjax.data import synthetic
from voxjax.data.corpora import CORPORA
from voxjax.encoders import ENCODERS
from voxjax.models import ARCHITECTURES

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = {path.stem: path for path in sorted((ROOT / "docs/examples").glob("*.py"))}


@pytest.fixture(scope="module")
def examples():
    """The globals of each example, run as a config; the tables are as before afterwards."""
    tables = (ARCHITECTURES, losses.LOSSES, CORPORA, ENCODERS)
    before = [dict(table) for table in tables]
    yield {name: runpy.run_path(str(path)) for name, path in FILES.items()}
    for table, rows in zip(tables, before, strict=True):
        table.clear()
        table.update(rows)


def test_the_page_shows_the_files():
    shown = re.findall(r"<!-- example: (\w+)\.py -->\n```python\n(.*?)```\n<!-- end -->", page(), re.S)
    assert dict(shown) == {name: path.read_text() for name, path in FILES.items()}


def page():
    return (ROOT / "docs/adding.md").read_text()


def test_every_example_has_a_config_that_is_valid(examples):
    for name, found in examples.items():
        assert isinstance(freeze(Config, found["get_config"]().to_dict()), Config), name


def test_a_run_with_all_of_them(examples, tmp_path):
    """Trains on the corpus with the encoder, the architecture and the loss, and leaves a report."""
    for label in ("calm", "angry"):
        for speaker, name in zip(synthetic.SPEAKERS, ("anna", "ben"), strict=False):
            for take in range(5):
                path = tmp_path / "data/named" / f"{name}_{label}_{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, synthetic.render(speaker, label, take), synthetic.SAMPLE_RATE_HZ)
    subprocess.run([sys.executable, FILES["band_energies"], tmp_path], check=True)
    values = examples["band_energies"]["get_config"]()
    values.corpus, values.architecture, values.model, values.loss = "named", "mean_pool", {"dense": (4,)}, "poly"
    values.train.epochs = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXJAX_WEIGHTS", str(tmp_path))
        runs.train(freeze(Config, values.to_dict()), tmp_path / "data", tmp_path / "run", tmp_path / "cache", False)
    found = json.loads((tmp_path / "run/report/metrics.json").read_text())
    assert found["corpus"] == "named" and found["n"] == 4 and sorted(found["labels"]) == ["angry", "calm"]
    assert examples["named_files"]["NOTE"] in (tmp_path / "run/report/report.html").read_text()


def test_the_loss_without_gamma_is_cross_entropy_and_is_finite_with_it(examples):
    poly = examples["poly_loss"]["poly"]
    logits, targets = jnp.asarray([2.0, -1.0, 0.5]), jnp.asarray([0.0, 0.25, 0.75])
    np.testing.assert_allclose(poly(logits, targets, 0.0), optax.softmax_cross_entropy(logits, targets), rtol=1e-6)
    p = jax.nn.softmax(logits)
    expected = optax.softmax_cross_entropy(logits, targets) + 2.0 * (1 - targets @ p)
    np.testing.assert_allclose(poly(logits, targets, 2.0), expected, rtol=1e-6)
    value, gradient = jax.value_and_grad(poly)(jnp.asarray([200.0, -200.0, 0.0]), targets, 1.0)
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_padding_changes_neither_the_encoder_nor_the_network(examples):
    encoder = ENCODERS["band_energies"]
    random = np.random.default_rng(0)
    samples = random.standard_normal((2, 3_200)).astype(np.float32)
    weights = {"bands": random.random((161, 16)).astype(np.float32)}
    lengths = jnp.asarray([3_200, 1_600])
    short, mask = encoder.apply((1, 2), weights, jnp.asarray(samples), lengths)
    padded, wide = encoder.apply((1, 2), weights, jnp.asarray(np.pad(samples, ((0, 0), (0, 640)))), lengths)
    assert short.shape == (2, 10, 2, 16) and mask.sum(1).tolist() == [10, 5] and wide.sum(1).tolist() == [10, 5]
    np.testing.assert_allclose(padded[:, :10], short, rtol=1e-5)
    network = ARCHITECTURES["mean_pool"].module(ARCHITECTURES["mean_pool"].options(), 3)
    variables = network.init(jax.random.key(0), short[:, :, 0], mask, None)
    logits = network.apply(variables, short[:, :, 0], mask, None)
    np.testing.assert_allclose(network.apply(variables, padded[:, :, 0], wide, None), logits, rtol=1e-5)
    assert logits.shape == (2, 3)
