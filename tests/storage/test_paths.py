import importlib.util
import pathlib
import re

import platformdirs
import pytest

from voxjax.errors import UsageError
from voxjax.storage import paths


@pytest.mark.parametrize("given", ["runs/mine", "/tmp/x", "~/x", "C:/runs", "C://runs", "gs:/bucket/run", ""])
def test_what_is_no_address_lies_on_the_disk(given):
    assert paths.locate(given) == pathlib.Path(given) and isinstance(paths.locate(given), pathlib.Path)
    assert paths.locate(pathlib.Path(given)) == pathlib.Path(given)


def test_an_address_in_a_bucket_keeps_its_form():
    pytest.importorskip("gcsfs")
    path = paths.locate("gs://bucket/runs/mine")
    assert str(path / "model" / "model.json") == "gs://bucket/runs/mine/model/model.json"
    assert not isinstance(path, pathlib.Path) and paths.locate(path) == path
    assert str(paths.default_workdir("gs://bucket/run/", "optimized")) == "gs://bucket/run"


@pytest.mark.parametrize("given", ["s3://bucket/run", "https://host/run", "gs://", "gs:///"])
def test_other_addresses_are_refused(given):
    with pytest.raises(UsageError, match="a path on disk, or gs://BUCKET/FOLDER"):
        paths.locate(given)


def test_a_bucket_without_its_packages_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=re.escape("pip install 'voxjax[cloud]'")) as caught:
        paths.locate("gs://bucket/run")
    assert "\n" not in str(caught.value)


def test_the_cache_is_the_folder_of_the_environment_variable_else_the_systems(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, appauthor: str(tmp_path / "system" / name))
    monkeypatch.setenv("VOXJAX_CACHE", str(tmp_path / "mine"))
    assert paths.cache_dir() == tmp_path / "mine" and paths.cache_dir().is_dir()
    for empty in (lambda: monkeypatch.setenv("VOXJAX_CACHE", ""), lambda: monkeypatch.delenv("VOXJAX_CACHE")):
        empty()
        assert paths.cache_dir() == tmp_path / "system" / "voxjax" and paths.cache_dir().is_dir()


def test_the_users_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VOXJAX_CACHE", "~/voxjax")
    assert paths.cache_dir() == tmp_path / "voxjax"


def test_a_run_without_a_workdir_is_named_after_its_model_and_time():
    assert str(paths.default_workdir("runs/mine", "optimized")) == "runs/mine"
    for given in (None, ""):
        assert re.fullmatch(r"runs/optimized-\d{8}-\d{6}", str(paths.default_workdir(given, "optimized")))
