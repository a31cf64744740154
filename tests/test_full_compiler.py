"""Tests marked `full_compiler` run without the quick compiler, and each reports its outcome."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests import conftest

BODY = """
import os
import pytest

@pytest.mark.full_compiler
@pytest.mark.parametrize("a", ["x", "y z"])
def test_passes(a, tmp_path):
    assert tmp_path.is_dir() and "XLA_FLAGS" not in os.environ

@pytest.mark.full_compiler
def test_fails():
    assert 1 == 2, "as it should"

@pytest.mark.full_compiler
def test_skips():
    pytest.skip("for a reason")

def test_quick():
    assert "optimization_level=0" in os.environ["XLA_FLAGS"]
"""


@pytest.mark.full_compiler
def test_the_full_compiler_is_used():
    assert "XLA_FLAGS" not in os.environ


def test_each_test_has_its_own_outcome():
    path = pathlib.Path(__file__).with_name(f"test_made_{os.getpid()}.py")
    path.write_text(BODY)
    hidden = ("PYTEST", "XLA_FLAGS", conftest.FULL, conftest.OUTCOMES)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    try:
        command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", str(path)]
        done = subprocess.run(command, cwd=conftest.ROOT, env=environment, capture_output=True, text=True)
    finally:
        path.unlink()
    assert "1 failed, 3 passed, 1 skipped" in done.stdout, done.stdout
    assert "as it should" in done.stdout and "for a reason" in done.stdout
