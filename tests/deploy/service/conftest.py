"""The shipped small model behind a real server, for all tests of the service."""

import io
import pathlib

import numpy as np
import pytest
import soundfile

from tests.deploy.service.serving import running
from voxjax.data import synthetic
from voxjax.deploy.service.service import Service
from voxjax.deploy.service.settings import ServiceLimits
from voxjax.inference.predictor import EmotionPredictor

ROOT = pathlib.Path(__file__).resolve().parents[3]
LIMITS = ServiceLimits(
    max_bytes=1_500_000,
    max_duration_s=30.0,
    max_waiting=32,
    max_streams=1,
    head_s=1.0,
    body_s=0.7,
    answer_s=60.0,
    idle_s=5.0,
    max_stream_s=40.0,
)


def sound(label="angry", take=0, speaker=0):
    """The bytes of a WAV file with a second of synthetic speech."""
    file = io.BytesIO()
    samples = synthetic.render(synthetic.SPEAKERS[speaker], label, take)
    soundfile.write(file, samples[: synthetic.SAMPLE_RATE_HZ], synthetic.SAMPLE_RATE_HZ, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="session")
def predictor():
    return EmotionPredictor(ROOT / "checkpoints/optimized", limits=LIMITS.audio())


@pytest.fixture(scope="session")
def service(predictor):
    return Service(predictor, LIMITS, warm_up_s=(1.0,))


@pytest.fixture(scope="session")
def address(service):
    with running(service) as found:
        yield found


@pytest.fixture(scope="session")
def url(address):
    return f"http://{address[0]}:{address[1]}"


@pytest.fixture(scope="session")
def speech():
    """Ten seconds at 16 kHz: noise of a quiet room with two stretches of speech from 3 and 7 s on."""
    rate = synthetic.SAMPLE_RATE_HZ
    samples = 1e-4 * np.random.default_rng(0).normal(size=10 * rate)
    for start_s, label in ((3.0, "angry"), (7.0, "sad")):
        part = synthetic.render(synthetic.SPEAKERS[0], label, 0)[: 2 * rate]
        samples[round(start_s * rate) :][: len(part)] += part
    return samples.astype(np.float32)
