"""Importers on files with the names of real corpora, the manifest, and the demo corpus."""

import errno
import os

import numpy as np
import pytest
import soundfile

from voxjax.data import corpora, manifest, synthetic
from voxjax.errors import UsageError, VoxJaxError

RATE = 16_000


def sound(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.1, 0.1, 3_200), RATE)


def test_ravdess_names_are_parsed(tmp_path):
    sound(tmp_path / "ravdess/Actor_12/03-01-06-02-01-02-12.wav")
    sound(tmp_path / "ravdess/Actor_07/03-01-01-01-02-01-07.flac")
    sound(tmp_path / "ravdess/Actor_07/03-02-01-01-02-01-07.wav")  # song
    clips = corpora.load("ravdess", tmp_path, tmp_path).clips
    assert [(c.speaker, c.gender, c.emotion, c.intensity, c.repetition) for c in clips] == [
        ("Actor_07", "male", "neutral", "normal", "1"),
        ("Actor_12", "female", "fearful", "strong", "2"),
    ]
    assert clips[1].statement.startswith("Kids") and clips[0].statement.startswith("Dogs")
    assert all(clip.text == clip.statement for clip in clips)  # the transcript of its statement


def test_unknown_ravdess_names_are_errors_that_list_them(tmp_path):
    sound(tmp_path / "ravdess/Actor_01/03-01-06-02-01-02-01.wav")
    sound(tmp_path / "ravdess/Actor_01/03-01-09-02-01-02-01.wav")
    with pytest.raises(VoxJaxError, match=r"1 other names: Actor_01/03-01-09"):
        corpora.load("ravdess", tmp_path, tmp_path)


def test_duplicate_ravdess_clips_are_errors(tmp_path):
    for folder in ("Actor_01", "audio_speech_actors_01-24/Actor_01"):
        sound(tmp_path / f"ravdess/{folder}/03-01-06-02-01-02-01.wav")
    (tmp_path / "ravdess/Actor_01/._03-01-06-02-01-02-01.wav").write_bytes(b"left by macOS")
    with pytest.raises(VoxJaxError, match=r"1 more than once, such as Actor_01/.* = audio_speech"):
        corpora.load("ravdess", tmp_path, tmp_path)


def test_all_of_ravdess_has_the_published_counts(data_dir, tmp_path):
    found = corpora.load("ravdess", data_dir, tmp_path)
    counts = dict(zip(found.labels, np.bincount(found.targets), strict=True))
    assert len(found) == 1_440 and len(set(found.speakers)) == 24
    assert counts == {label: 96 if label == "neutral" else 192 for label in found.labels}
    (pair,) = manifest.duplicates(found.clips)
    assert [found.clips[i].path[-24:] for i in pair] == [
        "03-01-03-01-02-01-07.flac"[-24:],
        "03-01-03-01-02-02-07.flac"[-24:],
    ]


def test_folder_reads_labels_and_speakers(tmp_path):
    for i in range(3):
        sound(tmp_path / f"folder/glad/ann/{i}.wav", i)
        sound(tmp_path / f"folder/low/{i}.ogg", 9 + i)
    (tmp_path / "folder/low/._0.ogg").write_bytes(b"left by macOS")
    found = corpora.load("folder", tmp_path, tmp_path)
    assert found.labels == ("glad", "low") and set(found.speakers) == {"ann", "unknown"}
    np.testing.assert_array_equal(found.targets, [0, 0, 0, 1, 1, 1])


def own(folder, *more):
    """Two labels of two speakers, and further files."""
    for i, name in enumerate(("happy/ann/1", "happy/ben/1", "sad/ann/1", "sad/ben/1")):
        sound(folder / f"folder/{name}.wav", i)
    for name in more:
        (folder / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "folder" / name).write_bytes(name.encode())
    return folder


def test_what_a_folder_leaves_out_is_counted_in_one_line(tmp_path, caplog):
    more = ("happy/.ipynb_checkpoints/1.wav", "sad/.Trash-1000/x.wav", "loose.wav", "docs/a.txt", "sad/ann/2.wav.part")
    found = corpora.load("folder", own(tmp_path, *more), tmp_path)
    assert found.labels == ("happy", "sad") and set(found.speakers) == {"ann", "ben"} and len(found) == 4
    (record,) = caplog.records
    for part in ("a notebook: 2 (", "outside of a label's folder: 1 (loose.wav)", "without sound files: 1 (docs)",
                 "files of an unknown kind: 1 (sad/ann/2.wav.part)"):  # fmt: skip
        assert part in record.getMessage()


def test_a_linked_speaker_is_read_and_a_label_linked_to_another_is_counted(tmp_path, caplog):
    folder = own(tmp_path) / "folder"
    (folder / "sad/ben").rename(tmp_path / "elsewhere")
    (folder / "sad/ben").symlink_to(tmp_path / "elsewhere")
    (folder / "joy").symlink_to(folder / "happy")
    found = corpora.load("folder", tmp_path, tmp_path)
    assert [clip.path for clip in found.clips if clip.speaker == "ben"] == [
        "folder/happy/ben/1.wav",
        "folder/sad/ben/1.wav",
    ]
    assert "links that lead back or to folders that are searched already: 1 (joy)" in caplog.text


def test_sounds_of_kinds_that_cannot_be_read_are_clips_so_that_no_label_vanishes(tmp_path):
    found = corpora.load("folder", own(tmp_path, "calm/cid/1.m4a", "calm/cid/2.amr"), tmp_path)
    assert set(found.labels) == {"calm", "happy", "sad"} and "cid" in found.speakers
    assert len({clip.sha256 for clip in found.clips}) == 6


@pytest.mark.parametrize(
    ("name", "message"),
    [("calm/ann/._1.wav", "label 'calm': expected sound files, found hidden"),
     ("calm/1.wav.part", "label 'calm': expected sound files, found files of an unknown kind alone"),
     ("sad/cid/1", "speaker 'cid': expected sound files, found files of an unknown kind alone")],
)  # fmt: skip
def test_a_label_or_speaker_of_files_that_are_left_out_alone_is_an_error(tmp_path, name, message):
    with pytest.raises(VoxJaxError, match=message):
        corpora.load("folder", own(tmp_path, name), tmp_path)


def test_a_label_that_is_a_broken_link_is_an_error_and_another_broken_link_is_counted(tmp_path, caplog):
    folder = own(tmp_path) / "folder"
    (folder / "sad/gone").symlink_to(tmp_path / "nowhere")
    corpora.load("folder", tmp_path, tmp_path)
    assert "broken links: 1 (sad/gone)" in caplog.text
    (folder / "calm").symlink_to(tmp_path / "nowhere")
    with pytest.raises(VoxJaxError, match="label 'calm': expected sound files, found broken links alone"):
        corpora.load("folder", tmp_path, tmp_path)


def test_folders_that_cannot_be_opened_are_an_error(tmp_path, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if path.name == "ben":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    own(tmp_path)
    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(VoxJaxError, match=r"2 that can't be: .*happy/ben \(Permission denied\)"):
        corpora.load("folder", tmp_path, tmp_path)


def test_files_that_cannot_be_opened_are_clips_for_decoding_to_report(tmp_path):
    folder = own(tmp_path) / "folder"
    (folder / "sad/ann/gone.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(folder / "sad/ann/pipe.wav")
    found = corpora.load("folder", tmp_path, tmp_path)
    assert len(found) == 6 and len({clip.sha256 for clip in found.clips}) == 6


def test_names_that_are_not_utf_8_are_read_and_named_without_loss(tmp_path):
    own(tmp_path)
    place = os.fsencode(tmp_path / "folder") + b"/g\xeane/ren\xe9"
    os.makedirs(place)
    os.rename(tmp_path / "folder/sad/ann/1.wav", place + b"/caf\xe9.wav")
    found = corpora.load("folder", tmp_path, tmp_path)
    (clip,) = [clip for clip in found.clips if clip.speaker == "ren\\xe9"]
    assert clip.emotion == "g\\xeane" and (found.root / clip.path).is_file()
    assert clip.clip_id == "folder/g\\xeane/ren\\xe9/caf\\xe9.wav"
    "".join([clip.emotion, clip.speaker, clip.clip_id]).encode()


def test_joined_corpora_keep_speakers_apart(tmp_path):
    sound(tmp_path / "ravdess/Actor_01/03-01-06-02-01-02-01.wav")
    sound(tmp_path / "folder/sad/Actor_01/x.wav")
    sound(tmp_path / "folder/happy/Actor_01/x.wav")
    found = corpora.load("ravdess+folder", tmp_path, tmp_path)
    assert sorted(set(found.speakers)) == ["folder/Actor_01", "ravdess/Actor_01"]
    assert {clip.path.partition("/")[0] for clip in found.clips} == {"folder", "ravdess"}, "no path of this machine"
    assert all((found.root / clip.path).is_file() for clip in found.clips)
    assert found.labels == ("happy", "sad", "fearful")


@pytest.mark.parametrize(
    ("names", "folder", "message"),
    [
        ("ravdes", ".", "did you mean 'ravdess'"),
        ("EmoDB", ".", "corpus: expected a known name, found 'EmoDB'; did you mean 'emodb'"),
        ("demo+CREMA-D", ".", "found 'CREMA-D'; did you mean 'cremad'"),
        ("ravdess", None, "add --data_dir"),
        ("ravdess", "nowhere", "not there"),
        ("ravdess", ".", "none in .*put the corpus there"),
        ("folder", ".", "at least two subfolders"),
    ],
)
def test_errors_of_wrong_corpora_say_what_to_do(tmp_path, names, folder, message):
    place = None if folder is None else tmp_path / folder
    with pytest.raises((UsageError, VoxJaxError), match=message):
        corpora.load(names, place, tmp_path)


def test_a_manifest_is_written_to_csv_and_read_back(tmp_path):
    sound(tmp_path / "ravdess/Actor_01/03-01-06-02-01-02-01.wav")
    found = corpora.load("ravdess", tmp_path, tmp_path)
    assert manifest.from_csv(manifest.to_csv(found), found.root) == found
    with pytest.raises(VoxJaxError, match="expected path, corpus"):
        manifest.from_csv("a,b\n", tmp_path)
    with pytest.raises(VoxJaxError, match="line 2"):
        manifest.from_csv(manifest.to_csv(found).replace(",sad", "").replace("ravdess,", "", 1), tmp_path)


def test_the_demo_is_made_once_balanced_and_equal_on_every_computer(tmp_path):
    first, again = corpora.load("demo", None, tmp_path / "a"), corpora.load("demo", None, tmp_path / "a")
    other = corpora.load("demo", None, tmp_path / "b")
    assert first == again and [c.sha256 for c in first.clips] == [c.sha256 for c in other.clips]
    assert len(first) == 384 and set(np.bincount(first.targets)) == {48}
    assert len({clip.sha256 for clip in first.clips}) == 384
    assert len(list((tmp_path / "a").iterdir())) == 1


def test_a_full_disk_leaves_no_incomplete_demo(tmp_path, monkeypatch):
    def full(path, *_, **__):
        path.write_bytes(b"RIFF")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        corpora.load("demo", None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def mean_level_db(emotion):
    voices = [synthetic.render(speaker, emotion, take) for speaker in synthetic.SPEAKERS for take in range(3)]
    return np.mean([10 * np.log10(np.mean(voice**2)) for voice in voices]), np.mean([len(v) for v in voices])


def test_level_and_rate_of_emotions_follow_the_literature():
    angry, sad, neutral = (mean_level_db(name) for name in ("angry", "sad", "neutral"))
    assert angry[0] > neutral[0] + 4 > sad[0] + 4  # louder and softer
    assert angry[1] < neutral[1] < sad[1]  # faster and slower
