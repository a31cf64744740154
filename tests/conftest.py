"""Strict JAX, a quick compiler for most tests, a private cache, and the real corpora if present.

XLA's quickest settings halve the time of compiling and change results only by rounding. Tests of the numbers that
users get are marked `full_compiler`: all those of a file run together in one process with the compiler of users, and
each reports its own outcome here.
"""

import importlib.util
import ipaddress
import itertools
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

import hypothesis
import jax
import jaxtyping
import pytest

from tests import gcs_server
from tests.browser import browser  # noqa: F401 - a fixture

# XLA reads these when it is first used, which is later than its import.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # two processes may share an accelerator
FULL, OUTCOMES = "VOXJAX_TESTS_FULL_COMPILER", "VOXJAX_TESTS_OUTCOMES"
FEW_PASSES = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
QUICK_FLAGS = f"{FEW_PASSES} --xla_cpu_use_fusion_emitters=false"
COMPILERS = {  # marker: XLA's flags in the process that runs the marked tests of a file
    "full_compiler": "",  # the compiler that users run
    "same_bits": FEW_PASSES,  # without fusion emitters, a member is fused in another way next to further members
}
QUICK = FULL not in os.environ and os.environ.get("XLA_FLAGS", QUICK_FLAGS) == QUICK_FLAGS
if QUICK:
    os.environ["XLA_FLAGS"] = QUICK_FLAGS

# In these modules every call is checked against its annotations, array shapes included. Before voxjax is imported.
SHAPE_CHECKED = (
    "voxjax.audio.augment",
    "voxjax.audio.chroma",
    "voxjax.audio.dsp",
    "voxjax.audio.features",
    "voxjax.audio.fingerprint",
    "voxjax.audio.normalize",
    "voxjax.audio.offline_augment",
    "voxjax.audio.pooling",
    "voxjax.audio.sample_hash",
    "voxjax.audio.vector",
    "voxjax.data.batches",
    "voxjax.data.guard",
    "voxjax.data.quality.clip_measurements",
    "voxjax.data.quality.shortcut_probe",
    "voxjax.data.splits",
    "voxjax.data.store",
    "voxjax.data.synthetic_modal",
    "voxjax.encoders",
    "voxjax.losses",
    "voxjax.metrics",
    "voxjax.modalities",
    "voxjax.models",
    "voxjax.optim",
    "voxjax.pipeline.examples",
    "voxjax.train.closed_form",
    "voxjax.train.step",
)
jaxtyping.install_import_hook(SHAPE_CHECKED, "beartype.beartype")

# The same examples in every run, and no files of them.
hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("repeatable")

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Compiled programs are kept while the tests run, for all their processes.
SHARED = "VOXJAX_TESTS_XLA_CACHE"
if SHARED not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="voxjax-tests-xla-")
    os.environ[SHARED] = _folder.name
jax.config.update("jax_compilation_cache_dir", os.environ[SHARED])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


# Folders of tests that compile most. They start first, so that both processes end at about the same time.
LONGEST = ("train", "experiments", "pipeline", "models", "encoders", "audio")


def pytest_collection_modifyitems(items):
    """Orders the files, and has marked tests run in a process of their own where this one compiles quickly."""
    rank = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.parent.name, len(LONGEST)))
    if not QUICK:
        return
    for marker, flags in COMPILERS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        for path in {item.path for item in marked}:
            batch = OtherCompiler(flags, [item.nodeid for item in marked if item.path == path])
            for item in marked:
                if item.path == path:
                    item.fixturenames = []  # the other process sets them up
                    item.runtest = lambda batch=batch, nodeid=item.nodeid: batch.report(nodeid)


class OtherCompiler:
    """Tests of one file, run in a process with other flags of XLA when the first of them is due."""

    def __init__(self, flags, nodeids):
        self.flags, self.nodeids = flags, nodeids
        self.outcomes = None

    def report(self, nodeid):
        """Passes, fails or skips as the test did in the other process."""
        if self.outcomes is None:
            self.outcomes = self.run()
        outcome, text = self.outcomes[nodeid]
        if outcome == "skipped":
            pytest.skip(text)
        if outcome == "failed":
            pytest.fail(text, pytrace=False)

    def run(self):
        """The outcome and the text of each test, by its node id."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "outcomes.jsonl"
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
            del environment["XLA_FLAGS"]
            environment |= {FULL: "1", OUTCOMES: str(path)} | ({"XLA_FLAGS": self.flags} if self.flags else {})
            command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *self.nodeids]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
            lines = path.read_text().splitlines() if path.exists() else []
        lost = ("failed", f"the process with another compiler left no outcome\n{done.stdout}\n{done.stderr}")
        return dict.fromkeys(self.nodeids, lost) | {nodeid: (how, text) for nodeid, how, text in map(json.loads, lines)}


def pytest_runtest_logreport(report):
    """Writes each outcome to a file for the process that started this one."""
    if OUTCOMES in os.environ and (report.when == "call" or not report.passed):
        text = report.longrepr[2] if report.skipped else report.longreprtext
        with open(os.environ[OUTCOMES], "a") as file:
            file.write(json.dumps([report.nodeid, report.outcome, text]) + "\n")


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory):
    """No test reads or writes the user's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "xla").symlink_to(os.environ[SHARED], target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXJAX_CACHE", str(folder))
        yield


def is_loopback(host):
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session", autouse=True)
def no_network():
    """Nothing in this process connects to another machine, as nothing that VoxJAX does unasked may.

    `.ci/run` cuts off the commands that tests start as well.
    """
    connect = socket.socket.connect

    def checked(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert is_loopback(address[0]), f"a connection to {address[0]}"
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked)
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


@pytest.fixture(scope="session")
def gcs():
    """A local Google Cloud Storage, which gcsfs and TensorStore use in place of the real one."""
    if importlib.util.find_spec("gcsfs") is None:
        pytest.skip("no gcsfs: pip install '.[cloud]'")
    with gcs_server.running() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in gcs_server.environment(server).items():
            patch.setenv(name, value)
        yield server


_buckets = itertools.count()


@pytest.fixture
def bucket(gcs):
    """The address of a new, empty bucket."""
    return f"gs://bucket-{next(_buckets)}"
