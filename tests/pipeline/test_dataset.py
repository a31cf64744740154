"""A corpus as arrays: what can't be split is refused before it is decoded."""

import pytest

from tests import runs
from tests.voices import write_folder
from voxjax.config import Config
from voxjax.data import store
from voxjax.errors import VoxJaxError


@pytest.mark.parametrize(
    ("protocol", "message"), [("speaker5", "at least 5 known speakers"), ("random5", "at least 5 clips")]
)
def test_a_protocol_that_the_corpus_does_not_allow_is_refused_before_decoding(tmp_path, monkeypatch, protocol, message):
    root = write_folder(tmp_path, takes=1, speakers=2)
    monkeypatch.setattr(store, "open_store", lambda *_: pytest.fail("decoded first"))
    with pytest.raises(VoxJaxError, match=message):
        runs.load(Config(corpus="folder", protocol=protocol), root, tmp_path / "cache")
