"""Quality: every planted fault is found, and a sound corpus has none."""

import json

import numpy as np
import pytest
import soundfile

from tests.voices import write_folder
from voxjax.data import corpora, quality


def inspect(root):
    return quality.inspect(corpora.load("folder", root, root), lambda done: None)


def test_a_sound_corpus_needs_no_look(tmp_path):
    found = inspect(write_folder(tmp_path, takes=2))
    assert found["emotion"] == {"angry": 6, "calm": 6, "sad": 6}
    assert not found["broken"] and not found["duplicates"] and not found["rare_labels"]
    assert found["level_db_by_emotion"]["angry"] > found["level_db_by_emotion"]["sad"] + 5
    assert "nothing needs a look" in quality.text(found)
    json.dumps(found)


def test_planted_faults_are_found(tmp_path):
    folder = write_folder(tmp_path, takes=2) / "folder"
    (folder / "sad/broken.wav").write_bytes(b"no sound")
    (folder / "sad/twin.wav").write_bytes((folder / "calm/speaker_01/0.wav").read_bytes())
    soundfile.write(folder / "angry/loud.wav", np.ones(8_000), 16_000)
    (folder / "rare").mkdir()
    soundfile.write(folder / "rare/one.wav", np.full(8_000, 0.1), 16_000)
    found = inspect(tmp_path)
    assert list(found["broken"]) == ["folder/sad/broken.wav"]
    assert found["duplicates"] == [["folder/calm/speaker_01/0.wav", "folder/sad/twin.wav"]]
    assert found["clipped"] == ["folder/angry/loud.wav"] and found["rare_labels"] == ["rare"]
    told = quality.text(found)
    for part in ("broken: ", "same audio: ", "reaches full scale: ", "few clips of 'rare'"):
        assert part in told


def test_figures_of_a_known_sound():
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    sound = quality.measure(np.concatenate([tone, np.zeros(16_000)]).astype(np.float32))
    assert sound.duration_s == 2 and sound.peak == pytest.approx(0.5, rel=1e-3)
    assert sound.level_db == pytest.approx(10 * np.log10(0.125 / 2), abs=0.01)
    assert sound.silence_share == pytest.approx(0.5, abs=0.02)
