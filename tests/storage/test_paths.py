import re

import platformdirs

from voxjax.storage import paths


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
