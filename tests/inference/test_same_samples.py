"""Training and prediction take the same samples, to the bit, and a file's error is its own."""

import os
import weakref
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from tests.encoded import voice
from tests.inference.test_predictor import RATE_HZ, member, saved
from voxjax import EmotionPredictor
from voxjax.audio import io
from voxjax.data import quality, store
from voxjax.data.manifest import Clip, Manifest, digest
from voxjax.inference import predictor as predictor_module
from voxjax.inference import source_chunks

LEVELS = {"quiet": 10 ** (-70 / 20), "above full scale": 1.5, "24 bits": 0.3}
SUBTYPES = {"quiet": "PCM_24", "above full scale": "FLOAT", "24 bits": "PCM_24"}


def write(folder, level, subtype, rate_hz):
    for seed in range(4):
        samples = voice(0.6, rate_hz, seed)
        soundfile.write(folder / f"{seed}.wav", samples * level / np.abs(samples).max(), rate_hz, subtype=subtype)
    return sorted(folder.glob("*.wav"))


def manifest(folder, paths):
    return Manifest(folder, tuple(Clip(p.name, "x", "s", "", "sad", "", "", "", digest(p)) for p in paths))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return EmotionPredictor(saved(tmp_path_factory.mktemp("model"), member(0)))


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
@pytest.mark.parametrize("name", LEVELS)
def test_store_and_prediction_have_the_same_samples(tmp_path, monkeypatch, predictor, name, rate_hz):
    paths = write(tmp_path, LEVELS[name], SUBTYPES[name], rate_hz)
    taken = []
    real = predictor_module.features.prepare

    def prepare(config, samples):
        taken.append(samples)
        return real(config, samples)

    monkeypatch.setattr(predictor_module.features, "prepare", prepare)
    answers = [predictor.predict(path) for path in paths]
    built = store.open_store(manifest(tmp_path, paths), RATE_HZ, tmp_path / "cache", "stop", lambda done: None)
    for i in range(len(paths)):
        np.testing.assert_array_equal(built.clip(i), taken[i])
    again = [predictor.predict((built.clip(i), RATE_HZ)) for i in range(len(paths))]
    assert [one["emotion"] for one in again] == [one["emotion"] for one in answers]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("odd"), SystemError("odd"), ZeroDivisionError("odd")])
def test_any_error_costs_one_answer(tmp_path, monkeypatch, predictor, error):
    paths = write(tmp_path, 0.3, "PCM_16", RATE_HZ)
    real = io.read

    def read(source, *rest):
        if str(source).endswith("1.wav"):
            raise error
        return real(source, *rest)

    monkeypatch.setattr(io, "read", read)
    answers = list(predictor.predict_many(paths, lambda source, error: {"error": str(error)}))
    assert [("error" in answer) for answer in answers] == [False, True, False, False]
    assert "1.wav" in answers[1]["error"]
    clips = manifest(tmp_path, paths)
    built = store.open_store(clips, RATE_HZ, tmp_path / "cache", "skip", lambda done: None)
    assert built.kept.tolist() == [0, 2, 3]
    assert list(quality.read(clips, lambda done: None).unreadable) == ["1.wav"]


def test_the_limits_of_a_predictor_hold(tmp_path):
    paths = write(tmp_path, 0.3, "PCM_16", RATE_HZ)
    limited = EmotionPredictor(saved(tmp_path / "model", member(0)), limits=io.AudioLimits(max_duration_s=0.5))
    with pytest.raises(io.AudioError, match="minutes"):
        limited.predict(paths[0])


class Sound(NamedTuple):
    """What a reader gives, of a duration."""

    duration_s: float


def chunks(durations_s, sources=None):
    """Lengths of the chunks of sources of these durations; and how much was read and not yet answered at most."""
    begun, answered, most_s, lengths = [], 0, 0.0, []

    def read(pair):
        begun.append(durations_s[pair[1]])
        return Sound(durations_s[pair[1]])

    sources = sources or [None] * len(durations_s)
    for chunk in source_chunks.read_in_chunks(((source, i) for i, source in enumerate(sources)), read):
        most_s = max(most_s, sum(begun) - answered)
        answered += sum(sound.duration_s for _, sound in chunk)
        lengths.append(len(chunk))
        chunk.clear()
    return lengths, most_s


def test_chunks_hold_an_hour_or_64_sources():
    assert chunks([3_600.0] * 3)[0] == [1, 1, 1]
    assert chunks([2.0] * 130)[0] == [64, 64, 2]
    assert chunks([2.0, 2.0, 3_600.0, 2.0])[0] == [3, 1]
    assert chunks([1_800.0] * 3)[0] == [2, 1]
    assert chunks([0.0] * 5)[0] == [5] and chunks([])[0] == []


def test_little_is_read_ahead_of_an_answer(tmp_path):
    large, small = tmp_path / "large.wav", tmp_path / "small.wav"
    small.write_bytes(bytes(1_000))
    large.write_bytes(b"")
    os.truncate(large, 2 * 16_000 * 3_600)
    hours = [3_600.0] * 64
    assert chunks(hours, [large] * 64)[1] <= 2 * 3_600
    assert chunks(hours, [small] * 64)[1] <= (1 + source_chunks._THREADS) * 3_600, "whose size says nothing"


def test_estimates_never_raise(tmp_path):
    for source in (None, "missing.wav", "", (3, None), tmp_path, (), object()):
        assert source_chunks._estimated_duration_s(source) >= 0.0
    assert source_chunks._estimated_duration_s((np.zeros((RATE_HZ * 3, 2)), RATE_HZ)) == 3.0


def test_a_chunk_is_given_before_another_source_is_consumed(tmp_path):
    large = tmp_path / "a.wav"
    large.write_bytes(b"")
    os.truncate(large, 2 * 16_000 * 3_600)
    consumed = []

    def sources():
        for i in range(9):
            consumed.append(i)
            yield large, None

    next(source_chunks.read_in_chunks(sources(), lambda pair: Sound(3_600.0)))
    assert consumed == [0]


def test_sound_is_not_kept_once_it_is_answered(tmp_path, predictor):
    paths = write(tmp_path, 0.3, "PCM_16", RATE_HZ)
    voted = [one for chunk in predictor._vote_chunks(paths, None) for one in chunk]
    assert len(voted) == len(paths) and all(clip.windows == () for _, clip, _ in voted)


def test_an_error_that_is_kept_does_not_keep_samples():
    def fail():
        samples = np.zeros(1_000)
        alive.append(weakref.ref(samples))
        raise MemoryError

    alive = []
    error = io.attempt("a.wav", fail)
    assert "a.wav: expected a sound that can be processed, found MemoryError" in str(error)
    assert alive[0]() is None
