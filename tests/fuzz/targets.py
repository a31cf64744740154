"""What the fuzzer runs on each input: a sound that is decoded, and a file of a model folder that is loaded.

An input is refused in one line, or read as what it is; all else is raised.
"""

import functools
import io
import logging
import pathlib
import tempfile

import numpy as np

from voxjax.artifacts import model_folder
from voxjax.audio import io as audio
from voxjax.audio.limits import AudioLimits
from voxjax.benchmarks.soak import model_files, small_models
from voxjax.errors import VoxJaxError

LIMITS = AudioLimits(max_duration_s=60.0, max_decoded_bytes=2**24, max_file_bytes=2**22, max_decode_s=20.0)
# What the first byte of an input chooses: a small model, and the file of it that the rest of the input replaces.
PLACES = (
    ("cnn", "model.json"),
    ("cnn", "weights.safetensors"),
    ("cnn", "density.safetensors"),
    ("cnn", "identity.npz"),
    ("wav2vec2", "encoder.safetensors"),
    ("wav2vec2", "model.json"),
)


def decoding(data):
    """Reads bytes as a sound."""
    logging.getLogger("voxjax").setLevel(logging.ERROR)
    try:
        samples = audio.read(io.BytesIO(data), 16_000, LIMITS)
    except VoxJaxError as error:
        assert str(error).isprintable()
    else:
        assert samples.dtype == np.float32 and np.isfinite(samples).all()
        assert 0 < len(samples) <= LIMITS.max_duration_s * 16_000 + 1


def loading(data):
    """Loads a small model, one file of which is the input; in a description `<weights>` is the hash of the weights."""
    name, file = PLACES[data[0] % len(PLACES)] if data else PLACES[0]
    parts = _parts(name).copied()
    if file == "model.json":
        parts.text = data[1:]
    else:
        parts.content[file] = data[1:]
    with tempfile.TemporaryDirectory() as folder:
        parts.write(pathlib.Path(folder))
        try:
            model = model_folder.load(pathlib.Path(folder))
        except VoxJaxError as error:
            assert str(error).isprintable()
        else:
            assert len(model.labels) > 1 and all(one.weight >= 0 for one in model.members)


@functools.cache
def _parts(name):
    with tempfile.TemporaryDirectory() as folder:
        model_folder.save(pathlib.Path(folder), small_models.MODELS[name]())
        return model_files.read(pathlib.Path(folder))


TARGETS = {"decoding": decoding, "loading": loading}
