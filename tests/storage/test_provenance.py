"""The commit that results state: of a checkout, of a wheel, and of neither."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

from voxjax.storage import provenance

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = "from setuptools import build_meta as b; b.build_wheel('dist')"


def git(folder, *command):
    settings = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *settings, *command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A git checkout with the files that a build reads, of few modules."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("setup.py", "setup.cfg", "pyproject.toml", ".gitignore", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    for path in ("voxjax/__init__.py", "voxjax/version.py", "configs/cnn.py", "checkpoints/whisper_robust/card"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        source = ROOT / path
        (folder / path).write_text(source.read_text() if source.is_file() else "")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_wheel_carries_the_commit_and_leaves_the_checkout_as_it_was(checkout, tmp_path):
    subprocess.run([sys.executable, "-c", BUILD], cwd=checkout, capture_output=True, check=True)
    (wheel,) = (checkout / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    assert provenance._commit(tmp_path / "voxjax") == commit
    assert git(checkout, "status", "--porcelain") == "" and not list((checkout / "voxjax").glob("*.txt"))


def test_a_checkout_has_its_own_commit_and_says_where_files_differ(checkout):
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    assert provenance._commit(checkout / "voxjax") == commit
    (checkout / "README.md").write_text("another")
    assert provenance._commit(checkout / "voxjax") == f"{commit}-dirty"
    git(checkout, "checkout", "-q", "README.md")


def test_a_package_inside_a_foreign_checkout_does_not_take_its_commit(checkout):
    assert provenance._commit(checkout / ".venv" / "lib" / "voxjax") == ""
    installed = checkout / "dist" / "site-packages" / "voxjax"
    installed.mkdir(parents=True)
    assert provenance._commit(installed) == ""


def test_a_commit_that_is_not_known_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path / "voxjax")
    assert "commit" not in provenance.provenance()
