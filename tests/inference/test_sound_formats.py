"""The answer to one recording is the same in every sound format: to rounding, or to what lossy coding changes."""

import numpy as np
import pytest
import soundfile
import soxr

from tests.encoded import encode
from voxjax import EmotionPredictor
from voxjax.benchmarks.soak.containers import contain

ROUNDING = 1e-5
LOSSY = 0.1  # docs/sound-files.md has the differences over 96 clips
EXACT = {"24 bits": ("WAV", "PCM_24"), "float": ("WAV", "FLOAT"), "AIFF": ("AIFF", "PCM_16"),
         "FLAC": ("FLAC", "PCM_16"), "W64": ("W64", "PCM_16"), "RF64": ("RF64", "PCM_16")}  # fmt: skip
CODED = {"OGG": ("OGG", "VORBIS"), "Opus": ("OGG", "OPUS"), "MP3": ("MP3", "MPEG_LAYER_III")}


@pytest.fixture(scope="module")
def predictor():
    return EmotionPredictor("checkpoints/optimized")


@pytest.fixture(scope="module")
def recording(ravdess_dir):
    """Samples of a clip at 48 kHz, as 16 bits hold them."""
    return soundfile.read(sorted((ravdess_dir / "Actor_05").iterdir())[0])


@pytest.fixture(scope="module")
def answer(predictor, recording, tmp_path_factory):
    """From a file's bytes to the largest difference of its probabilities from those of WAV."""
    folder = tmp_path_factory.mktemp("formats")

    def of(data):
        path = folder / "clip.WAV"  # content decides
        path.write_bytes(data)
        return np.array(list(predictor.predict(path)["probabilities"].values()))

    wanted = of(encode(*recording, format="WAV", subtype="PCM_16"))
    return lambda data: np.abs(of(data) - wanted).max()


@pytest.mark.parametrize("name", EXACT)
def test_lossless_files_have_the_same_answer(answer, recording, name):
    container, subtype = EXACT[name]
    assert answer(encode(*recording, format=container, subtype=subtype)) <= ROUNDING


@pytest.mark.parametrize("kind", ["mov", "alac", "mka", "wv"])
def test_lossless_sound_in_containers_has_the_same_answer(answer, recording, kind):
    assert answer(contain(*recording, kind)) <= ROUNDING


@pytest.mark.parametrize("name", CODED)
def test_lossy_files_have_almost_the_same_answer(answer, recording, name):
    container, subtype = CODED[name]
    assert 0 < answer(encode(*recording, format=container, subtype=subtype)) <= LOSSY


@pytest.mark.parametrize("kind", ["m4a", "mp4", "webm", "wma", "aac", "mts"])
def test_lossy_sound_in_containers_has_almost_the_same_answer(answer, recording, kind):
    assert 0 < answer(contain(*recording, kind, picture=kind == "mp4")) <= LOSSY


def test_telephone_coding_at_a_usual_level_has_almost_the_answer_of_its_samples(predictor, recording, tmp_path):
    """The steps of µ-law are noise in recordings as quiet as this one (its peak is at -28 dB), so it is made louder."""
    narrow = soxr.resample(*recording, 8_000)
    narrow *= 0.7 / np.abs(narrow).max()
    answers = []
    for subtype in ("PCM_16", "ULAW"):
        path = tmp_path / f"{subtype}.wav"
        path.write_bytes(encode(narrow, 8_000, format="WAV", subtype=subtype))
        answers.append(np.array(list(predictor.predict(path)["probabilities"].values())))
    assert 0 < np.abs(answers[1] - answers[0]).max() <= LOSSY
