"""Strict JAX, a private cache, and the real corpora where there are any."""

import os
import pathlib

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # two processes may share an accelerator

import jax
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory):
    """No test reads or writes the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data_dir():
    """Folder of the real corpora: VOXJAX_DATA, else ../shared/data beside the repository, else a skip."""
    named = "VOXJAX_DATA" in os.environ
    folder = pathlib.Path(os.environ["VOXJAX_DATA"]) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real corpora: set VOXJAX_DATA to a folder that holds ravdess/ ({folder} is none)")
    return folder


@pytest.fixture(scope="session")
def ravdess_dir(data_dir):
    """Folder of RAVDESS's Actor_NN folders."""
    return data_dir / "ravdess"


@pytest.fixture(scope="session")
def weights_dir():
    """Folder of the pretrained encoders: VOXJAX_WEIGHTS, else ../shared/weights beside the repository, else a skip."""
    named = "VOXJAX_WEIGHTS" in os.environ
    folder = pathlib.Path(os.environ["VOXJAX_WEIGHTS"]) if named else ROOT.parent / "shared" / "weights"
    if not folder.is_dir():
        pytest.skip(f"no pretrained encoders: set VOXJAX_WEIGHTS to their folder ({folder} is none)")
    return folder
