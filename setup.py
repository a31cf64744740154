"""The packages of the wheel: `voxjax`, with the configs and the default model of the repository inside it.

Wheels and source archives that are built from a git checkout carry its commit in `voxjax/commit.txt`, which reports
state. The file is written into the build alone, never into the checkout.
"""

import pathlib
import subprocess

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

MAPPED = {"voxjax.configs": "configs", "voxjax.default_model": "checkpoints/whisper_robust"}
ROOT = pathlib.Path(__file__).resolve().parent
COMMIT = pathlib.Path("voxjax", "commit.txt")


def git(*command):
    """What git prints about this folder; empty where there is no git or no checkout."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def commit():
    """The commit of this checkout, or the one that a source archive states; empty if neither is known."""
    if (ROOT / COMMIT).is_file():
        return (ROOT / COMMIT).read_text(encoding="utf-8").strip()
    top = git("rev-parse", "--show-toplevel")
    own = top and pathlib.Path(top).resolve() == ROOT
    return git("describe", "--always", "--dirty", "--abbrev=12") if own else ""


def write_commit(folder):
    """Writes the commit below a folder of build outputs."""
    if found := commit():
        path = pathlib.Path(folder) / COMMIT
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found + "\n", encoding="utf-8")


class BuildPy(build_py):
    """Copies the packages, with the commit; an editable install reads it from its checkout."""

    def run(self):
        super().run()
        if not self.editable_mode:
            write_commit(self.build_lib)


class Sdist(sdist):
    """Makes the source archive, with the commit."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        write_commit(base_dir)


setup(
    packages=[*find_packages(include=["voxjax", "voxjax.*"]), *MAPPED],
    package_dir=MAPPED,
    cmdclass={"build_py": BuildPy, "sdist": Sdist},
)
