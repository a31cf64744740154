"""One policy for clips that can't be used: no label, speaker or clip is lost without a word."""

import numpy as np
import pytest
import soundfile

from voxjax.data import broken_clips, corpora
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import VoxJaxError
from voxjax.pipeline import dataset

RATE = 16_000


def corpus(folder, broken=()):
    """Three clips of two labels and two speakers each; those whose path contains a name in `broken` are rubbish."""
    for number, (label, speaker, take) in enumerate(
        (label, speaker, take) for label in ("happy", "sad") for speaker in ("ann", "ben") for take in "012"
    ):
        path = folder / "folder" / label / speaker / f"{take}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(number).uniform(-0.5, 0.5, RATE // 4), RATE)
        if any(name in path.as_posix() for name in broken):
            path.write_bytes(f"rubbish {number}".encode())
    return corpora.load("folder", folder, folder)


def decoded(folder, broken, policy):
    return dataset.decoded(corpus(folder / "data", broken), RATE, folder / "cache", policy)


def test_broken_clips_stop_or_are_skipped(tmp_path, caplog):
    with pytest.raises(VoxJaxError, match=r"1 that are not.*happy/ann/2\.wav.*broken_clips=skip"):
        decoded(tmp_path, ["happy/ann/2"], "stop")
    manifest, clips = decoded(tmp_path, ["happy/ann/2"], "skip")
    assert len(manifest) == len(clips) == 11 and "1 broken clips skipped" in caplog.text


@pytest.mark.parametrize(("broken", "lost"), [("sad/", "label 'sad'"), ("/ben/", "speaker 'ben'")])
def test_a_label_or_speaker_of_broken_clips_alone_is_an_error_unless_allowed(tmp_path, caplog, broken, lost):
    with pytest.raises(VoxJaxError, match=rf"none of {lost}; .*broken_clips=skip_all"):
        decoded(tmp_path, [broken], "skip")
    manifest, _ = decoded(tmp_path, [broken], "skip_all")
    assert len(manifest) == 6 and f"no usable clips of {lost}" in caplog.text


@pytest.mark.parametrize("policy", ["skip", "skip_all"])
def test_a_corpus_of_broken_clips_alone_is_always_an_error(tmp_path, policy):
    with pytest.raises(VoxJaxError, match="none: all 12 are broken"):
        decoded(tmp_path, [".wav"], policy)


def test_unknown_speakers_are_no_speaker():
    clips = [Clip(f"{i}.wav", "folder", ("unknown", "ann")[i], "", "sad", "", "", "", str(i)) for i in range(2)]
    broken_clips.check_nothing_vanished(Manifest(None, tuple(clips)), Manifest(None, (clips[1],)), "skip")


def test_the_error_of_a_kept_store_names_the_folder_in_use(tmp_path):
    for name in ("first", "second"):
        manifest = corpus(tmp_path / name, ["happy/ann/2"])
        with pytest.raises(VoxJaxError, match=rf"{name}/folder/happy/ann/2\.wav: expected"):
            dataset.decoded(manifest, RATE, tmp_path / "cache", "stop")
    assert len(list((tmp_path / "cache" / "clips").iterdir())) == 1
