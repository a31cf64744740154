"""Fingerprints: equal for one recording in any format, different for another take."""

import io

import numpy as np
import pytest
import soundfile
import soxr

from voxjax.audio import fingerprint
from voxjax.data import synthetic

RATE = fingerprint.RATE_HZ


def voice(take=0, emotion="happy"):
    return synthetic.render(synthetic.SPEAKERS[2], emotion, take).astype(np.float32)


def coded(samples, kind):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


CHANGES = {
    "quieter": lambda x: 0.1 * x,
    "cut": lambda x: x[3_217:],
    "padded": lambda x: np.concatenate([np.zeros(2_345, np.float32), x]),
    "mp3": lambda x: coded(x, "MP3"),
    "ogg": lambda x: coded(x, "OGG"),
    "telephone": lambda x: soxr.resample(soxr.resample(x, RATE, RATE // 2), RATE // 2, RATE),
    "all": lambda x: coded(0.5 * x[3_217:], "MP3"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_recording_is_recognised(change):
    (match,) = fingerprint.matches([fingerprint.of(voice()), fingerprint.of(CHANGES[change](voice()))])
    assert (match.first, match.second) == (0, 1) and match.error_rate < 0.15
    delay_s = {"cut": -0.2, "padded": 0.147, "all": -0.2}
    assert match.delay_s == pytest.approx(delay_s[change] if change in delay_s else 0.0, abs=0.03)


def test_other_recordings_do_not_match():
    noise = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
    different = [voice(0), voice(0, "sad"), noise, noise[::-1].copy(), np.zeros(40_000, np.float32), voice()[:3_000]]
    assert list(fingerprint.matches([fingerprint.of(x) for x in different])) == []


def test_a_short_part_in_common_is_not_the_same_recording():
    a, b = voice(0), voice(0, "angry")
    mixed = np.concatenate([a[:8_000], b[8_000:]])
    assert list(fingerprint.matches([fingerprint.of(a), fingerprint.of(mixed)])) == []


def test_real_takes_of_one_sentence_by_one_speaker_are_distinguished(ravdess_dir):
    """The second actor says each sentence twice in each emotion."""
    paths = sorted((ravdess_dir / "Actor_02").glob("*.flac"))
    prints = [fingerprint.of(soundfile.read(path, dtype="float32")[0]) for path in paths]
    assert len(prints) == 60 and list(fingerprint.matches(prints)) == []
