"""Quality checks: every planted issue is found, and a clean corpus has none."""

import json
import tracemalloc

import numpy as np
import pytest
import soundfile

from tests.voices import write_folder
from voxjax.data import corpora, quality
from voxjax.data.quality import shortcut_probe


def inspected(root):
    corpus = quality.read(corpora.load("folder", root, root), lambda done: None)
    return quality.figures(corpus, quality.issues(corpus))


def found(report, check):
    return [one["what"] for one in report["issues"][check]]


def test_a_clean_corpus_has_no_issues(tmp_path):
    report = inspected(write_folder(tmp_path, takes=2))
    assert report["emotion"] == {"angry": 6, "calm": 6, "sad": 6}
    assert not any(report["issues"].values())
    assert report["level_db_by_emotion"]["angry"] > report["level_db_by_emotion"]["sad"] + 5
    assert "no issues" in quality.text(report)
    json.dumps(report)


def noise(seed):
    return np.random.default_rng(seed).normal(0, 0.1, 16_000)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A folder with one issue per check."""
    root = tmp_path_factory.mktemp("faulty")
    folder = write_folder(root, takes=3) / "folder"
    voice, rate = soundfile.read(folder / "calm/speaker_01/0.wav")
    loud = np.clip(voice / np.abs(voice).max() * 4.0, -1.0, 1.0)
    (folder / "sad/broken.wav").write_bytes(b"no sound")
    (folder / "sad/twin.wav").write_bytes((folder / "calm/speaker_02/0.wav").read_bytes())
    soundfile.write(folder / "calm/speaker_02/again.flac", soundfile.read(folder / "calm/speaker_02/1.wav")[0], rate)
    soundfile.write(folder / "calm/quieter.mp3", 0.4 * voice[1_234:], rate)
    soundfile.write(folder / "angry/speaker_01/angry_loud.wav", loud, rate)
    soundfile.write(folder / "angry/speaker_01/empty.wav", 1.5e-3 * noise(0), 16_000)
    soundfile.write(folder / "angry/speaker_02/03-01-04-01-01-01-07.wav", voice[::-1], rate)
    soundfile.write(folder / "angry/speaker_02/joy_2.wav", voice[::-1] ** 3 / np.abs(voice).max() ** 2, rate)
    (folder / "rare/speaker_09").mkdir(parents=True)
    for i in range(2):
        soundfile.write(folder / f"rare/speaker_09/{i}.wav", noise(i)[:4_000], 16_000)
    return inspected(root)


def test_issues_of_clips_are_found(faulty):
    assert found(faulty, "broken") == ["folder/sad/broken.wav"]
    assert found(faulty, "silent") == ["folder/angry/speaker_01/empty.wav"]
    assert found(faulty, "clipped") == ["folder/angry/speaker_01/angry_loud.wav"]
    assert found(faulty, "short") == [f"folder/rare/speaker_09/{i}.wav" for i in range(2)]
    named = {one["what"][-24:]: one["detail"] for one in faulty["issues"]["name_mismatch"]}
    assert named == {
        "03-01-04-01-01-01-07.wav": "labelled 'angry', named 'sad'",
        "gry/speaker_02/joy_2.wav": "labelled 'angry', named 'happy'",
    }


def test_duplicates_in_any_format_and_no_other_pairs_are_found(faulty):
    calm = "folder/calm/speaker_02"
    assert found(faulty, "exact_duplicates") == [
        f"{calm}/0.wav = folder/sad/twin.wav",
        f"{calm}/1.wav = {calm}/again.flac",
    ]
    details = [one["detail"] for one in faulty["issues"]["exact_duplicates"]]
    assert details == ["labels differ: calm, sad", "all labelled 'calm'"]
    near = set(found(faulty, "near_duplicates"))
    assert "folder/calm/quieter.mp3 ~ folder/calm/speaker_01/0.wav" in near
    assert all("quieter" in pair or "loud" in pair for pair in near), "the clipped copy is a duplicate, too"


def test_unbalanced_labels_and_speakers_are_found(faulty):
    assert found(faulty, "rare_labels") == ["rare"] and found(faulty, "single_label_speakers") == ["speaker_09"]
    assert set(found(faulty, "speakers_missing_labels")) == {"speaker_01", "speaker_02", "speaker_03"}
    report = quality.text(faulty)
    for part in ("error: can't be read (1)", "warning: rare labels (1)", "level -76 dB", "all 2 clips are 'rare'"):
        assert part in report


def test_long_lists_are_cut_only_on_the_terminal():
    many = [{"what": str(i), "detail": "d", "severity": "warning"} for i in range(14)]
    empty = {"emotion": {}, "gender": {}, "speaker": {}, "clips": 0, "level_db_by_emotion": {}}
    spread = dict.fromkeys(("duration_s", "level_db", "silence_fraction"), [0.0] * 3)
    lines = quality.text(empty | spread | {"issues": {"short": many}}).splitlines()
    assert lines[-1].strip().startswith("and 4 more") and sum(": d" in line for line in lines) == 10


def test_measurements_of_a_known_waveform():
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    sound = quality.measure(np.concatenate([tone, np.zeros(16_000)]).astype(np.float32))
    assert sound.duration_s == 2 and sound.peak == pytest.approx(0.5, rel=1e-3) and sound.clipped_fraction == 0
    assert sound.level_db == pytest.approx(10 * np.log10(0.125 / 2), abs=0.01)
    assert sound.silence_fraction == pytest.approx(0.5, abs=0.02)


def test_a_level_that_predicts_the_label_is_found_and_a_shuffled_one_is_not():
    random = np.random.default_rng(0)
    truth = ["angry", "calm"] * 60
    speakers = [f"p{i // 12}" for i in range(120)]
    levels = np.where(np.array(truth) == "angry", -20.0, -40.0) + random.normal(0, 4, 120)
    score = shortcut_probe.uar(levels, truth, speakers)
    assert score.chance == 0.5 and score.uar > 0.95
    shuffled = shortcut_probe.uar(random.permutation(levels), truth, speakers)
    assert abs(shuffled.uar - 0.5) < shortcut_probe.THRESHOLD
    assert shortcut_probe.uar(levels[:30], truth[:30], speakers[:30]) is None
    alone = shortcut_probe.uar(levels, truth, [f"{label} voice {i % 3}" for i, label in enumerate(truth)])
    assert alone.uar > 0.9, "speakers with one label only: folds are over clips"


def test_ravdess_has_its_one_known_pair_and_no_other_issue(ravdess_dir):
    manifest = corpora.load("ravdess", ravdess_dir.parent, ravdess_dir.parent)
    some = [i for i, clip in enumerate(manifest.clips) if clip.speaker in ("Actor_01", "Actor_07", "Actor_24")]
    corpus = quality.read(manifest.select(some), lambda done: None)
    report = quality.figures(corpus, quality.issues(corpus))
    pair = " = ".join(f"ravdess/Actor_07/03-01-03-01-02-0{k}-07.flac" for k in (1, 2))
    assert found(report, "exact_duplicates") == [pair] and not found(report, "near_duplicates")
    assert not any(found(report, check) for check in ("broken", "silent", "short", "name_mismatch", "rare_labels"))


def test_a_long_clip_is_measured_in_little_memory():
    samples = np.resize(noise(0).astype(np.float32), 20 * 60 * 16_000)  # 77 MB
    tracemalloc.start()
    measured = quality.measure(samples)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * samples.nbytes
    assert measured.duration_s == 1_200 and measured.level_db == pytest.approx(-20, abs=0.1)
    assert len(measured.fingerprint.words) == pytest.approx(1_200 / 0.016, rel=0.01)
