"""A corpus as arrays: what can't be split is refused before it is decoded."""

import pytest

from tests import runs
from tests.voices import write_folder
from voxjax.config import Config
from voxjax.data import store
from voxjax.errors import VoxJaxError
from voxjax.pipeline import dataset


def test_one_clip_of_each_label_is_refused_before_decoding(tmp_path, monkeypatch):
    root = write_folder(tmp_path, takes=1, speakers=1)
    monkeypatch.setattr(store, "open_store", lambda *_: pytest.fail("decoded first"))
    with pytest.raises(VoxJaxError, match="at least 2 clips of each label, 5 in all"):
        dataset.load(runs.spec(Config(corpus="folder", protocol="random5"), root, tmp_path / "cache"))


@pytest.mark.parametrize(
    ("values", "every_fold", "message"),
    [
        ({"protocol": "speaker5"}, False, "at least 5 known speakers"),
        ({"protocol": "loso", "fold": 3}, False, "config.fold: expected a number from 0 to 2, found 3"),
        ({"protocol": "guide", "fold": 5}, False, "config.fold: expected a number from 0 to 4, found 5"),
        ({"protocol": "speaker5", "fold": 5}, True, "at least 5 known speakers"),
    ],
)
def test_what_the_corpus_does_not_allow_is_refused_before_decoding(tmp_path, monkeypatch, values, every_fold, message):
    root = write_folder(tmp_path, takes=1, speakers=3)
    monkeypatch.setattr(store, "open_store", lambda *_: pytest.fail("decoded first"))
    with pytest.raises(VoxJaxError, match=message):
        dataset.load(runs.spec(Config(corpus="folder", **values), root, tmp_path / "cache"), every_fold)
