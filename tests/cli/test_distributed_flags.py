"""One run in two processes: the result of one process, every file written once; contradicting flags."""

import json
import os
import socket
import subprocess

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests import zygote
from tests.experiments.test_train import ROOT
from tests.voices import write_folder

SMALL = [
    "--config=configs/baseline.py", "--config.model.filters=(6,)", "--config.model.dense=(8,)", "--config.n_members=2",
    "--config.corpus=folder", "--config.protocol=random5",
    "--config.features.mels=16", "--config.train.batch_size=8", "--config.train.epochs=4",
    "--config.train.checkpoint_every_epochs=2", "--config.train.valid_fraction=0.2", "--config.member_execution=vmap",
    "--config.devices.member=2",
]  # fmt: skip


def start(corpus, workdir, devices, *more):
    compiler = os.environ["XLA_FLAGS"] if "XLA_FLAGS" in os.environ else ""
    environment = {**os.environ, "XLA_FLAGS": f"{compiler} --xla_force_host_platform_device_count={devices}"}
    command = [zygote.python(), "scripts/train.py", *SMALL, f"--data_dir={corpus}", f"--workdir={workdir}", *more]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_two(corpus, workdir, *more):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = [f"--coordinator=127.0.0.1:{port}", "--processes=2", *more]
    return [start(corpus, workdir, 1, *flags, f"--process={i}") for i in range(2)]


def finished(processes):
    answers = [process.communicate(timeout=300) for process in processes]
    return [process.returncode for process in processes], answers


@pytest.mark.slow
def test_two_processes_have_the_result_of_one_and_write_each_file_once(tmp_path):
    corpus = write_folder(tmp_path / "corpus")
    codes, answers = finished([start(corpus, tmp_path / "one", 2)])
    assert codes == [0], answers
    codes, answers = finished(start_two(corpus, tmp_path / "two"))
    assert codes == [0, 0], answers
    assert "Test UAR" in answers[0][0] and "UAR" not in answers[1][0]
    ours, theirs = (load_file(tmp_path / name / "model/weights.safetensors") for name in ("one", "two"))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6)
    one, two = (json.loads((tmp_path / name / "report/metrics.json").read_text()) for name in ("one", "two"))
    assert one["confusion"] == two["confusion"] and two["compiles"] == 1
    assert len((tmp_path / "two/metrics.jsonl").read_text().splitlines()) == 4
    assert len(list((tmp_path / "two/tensorboard/train").glob("events*"))) == 1
    assert {path.name for path in (tmp_path / "two/checkpoints/part0").iterdir()} == {"2", "4"}
    # Both resume from the last checkpoint, after which only the report is left.
    (tmp_path / "two/report/metrics.json").unlink()
    codes, answers = finished(start_two(corpus, tmp_path / "two", "--resume"))
    assert codes == [0, 0], answers
    assert json.loads((tmp_path / "two/report/metrics.json").read_text())["confusion"] == two["confusion"]
    # A folder in use is an error in all processes, and none waits for another.
    codes, answers = finished(start_two(corpus, tmp_path / "two"))
    assert codes[0] == 2 and codes[1] != 0 and "--resume" in answers[0][1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--processes=2"], "--coordinator: expected an address"),
        (["--coordinator=127.0.0.1:1", "--processes=2"], "--processes and --process with it"),
        (["--coordinator=127.0.0.1:1", "--processes=2", "--process=2"], "a number below 2"),
    ],
)
def test_contradicting_flags_are_errors(tmp_path, flags, message):
    [code], [(_, printed)] = finished([start(tmp_path, tmp_path / "run", 1, *flags)])
    assert code == 2 and message in printed and len(printed.strip().splitlines()) == 1
