"""The clip store: content, key, two processes at once, damage, full disks and broken clips."""

import dataclasses
import errno
import multiprocessing
import os

import numpy as np
import pytest
import soundfile

from voxjax.audio import io
from voxjax.data import store
from voxjax.data.manifest import Clip, Manifest, digest
from voxjax.errors import VoxJaxError

RATE = 16_000


def corpus(folder, count=6):
    folder.mkdir(exist_ok=True)
    for i in range(count):
        samples = np.random.default_rng(i).uniform(-0.5, 0.5, 4_000 + 500 * i)
        soundfile.write(folder / f"{i}.wav", samples, RATE, subtype="PCM_16")
    return manifest(folder)


def manifest(folder):
    paths = sorted(folder.glob("*.wav"))
    return Manifest(folder, tuple(Clip(p.name, "x", "s", "", "sad", "", "", "", digest(p)) for p in paths))


def build(clips, folder, broken="stop"):
    return store.open_store(clips, RATE, folder, broken, lambda done: None)


def test_stored_clips_equal_the_decoded_ones(tmp_path):
    clips = corpus(tmp_path / "in")
    built = build(clips, tmp_path / "cache")
    assert len(built) == 6 and built.kept.tolist() == list(range(6))
    for i in range(6):
        path = tmp_path / f"in/{i}.wav"
        np.testing.assert_array_equal(built.clip(i), io.read(path, RATE))
        samples = soundfile.read(path)[0]
        np.testing.assert_allclose(built.clip(i), samples - samples.mean(), atol=1e-7)


def test_the_hash_of_a_recording_is_equal_in_any_lossless_format(tmp_path):
    clips = corpus(tmp_path / "in", 2)
    samples, _ = soundfile.read(tmp_path / "in/1.wav", dtype="int16")
    for name, subtype in (("1.flac", "PCM_16"), ("loud.wav", "PCM_24")):
        soundfile.write(tmp_path / "in" / name, samples, RATE, subtype=subtype)
    more = [dataclasses.replace(clips.clips[1], path=name, sha256=name) for name in ("1.flac", "loud.wav")]
    built = build(Manifest(clips.root, (*clips.clips, *more)), tmp_path / "cache")
    first, *same = [built.digest(i) for i in range(4)]
    assert len(set(same)) == 1 and first not in same


def test_a_store_that_exists_is_opened_without_decoding(tmp_path, monkeypatch):
    clips = corpus(tmp_path / "in")
    first = build(clips, tmp_path / "cache")
    monkeypatch.setattr(store.io, "read", lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(build(clips, tmp_path / "cache").clip(3), first.clip(3))


def test_other_content_or_another_rate_has_another_store(tmp_path):
    clips = corpus(tmp_path / "in")
    build(clips, tmp_path / "cache")
    soundfile.write(tmp_path / "in/2.wav", np.resize(np.repeat([0.25, -0.25], 8), 4_992), RATE, subtype="PCM_16")
    changed = build(manifest(tmp_path / "in"), tmp_path / "cache")
    np.testing.assert_allclose(np.abs(changed.clip(2)), 0.25, atol=1e-7)
    halved = store.open_store(clips, RATE // 2, tmp_path / "cache", "stop", lambda done: None)
    assert len(halved.clip(0)) == 2_000


@pytest.mark.parametrize("damage", [lambda b: b[:-40], lambda b: b[: len(b) // 2], lambda b: b[100:], lambda b: b""])
def test_a_damaged_store_is_built_again(tmp_path, damage):
    clips = corpus(tmp_path / "in")
    expected = build(clips, tmp_path / "cache").clip(5)
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(build(clips, tmp_path / "cache").clip(5), expected)


@pytest.mark.parametrize("place", [0, 17_000, 60_000, -5, -20, -200])
def test_a_flipped_bit_changes_no_clip_and_the_next_store_is_whole(tmp_path, place):
    clips = corpus(tmp_path / "in")
    first = build(clips, tmp_path / "cache")
    expected, hashes = [first.clip(i) for i in range(6)], [first.digest(i) for i in range(6)]
    (path,) = (tmp_path / "cache").iterdir()
    whole = path.read_bytes()
    data = bytearray(whole)
    data[place] ^= 1
    path.write_bytes(data)
    for _ in range(2):
        again = build(clips, tmp_path / "cache")
        assert [again.digest(i) for i in range(6)] == hashes
        for i in range(6):
            np.testing.assert_array_equal(again.clip(i), expected[i])
    assert path.read_bytes() == whole


def test_the_store_of_other_clips_under_this_name_is_built_again(tmp_path):
    clips, more = corpus(tmp_path / "in"), corpus(tmp_path / "more", 5)
    expected = build(clips, tmp_path / "cache").clip(0)
    (path,) = (tmp_path / "cache").iterdir()
    more = Manifest(more.root, (*more.clips, more.clips[0]))
    build(more, tmp_path / "cache2")
    (tmp_path / "cache2").joinpath(next((tmp_path / "cache2").iterdir()).name).replace(path)
    np.testing.assert_array_equal(build(clips, tmp_path / "cache").clip(0), expected)


def test_a_damaged_clip_without_its_sound_file_is_one_line(tmp_path):
    clips = corpus(tmp_path / "in")
    build(clips, tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    opened = build(clips, tmp_path / "cache")
    (tmp_path / "in/0.wav").unlink()
    with pytest.raises(VoxJaxError, match=r"0\.wav"):
        opened.clip(0)
    assert len(opened.clip(1)) == 4_500


def sums(folder, cache, start, out):
    start.wait()
    built = build(manifest(folder), cache)
    out.put([float(np.abs(built.clip(i)).sum()) for i in range(len(built))])


def test_two_processes_at_once_get_equal_stores(tmp_path):
    corpus(tmp_path / "in", 20)
    context = multiprocessing.get_context("spawn")
    start, out = context.Event(), context.Queue()
    workers = [context.Process(target=sums, args=(tmp_path / "in", tmp_path / "cache", start, out)) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.set()
    first, second = out.get(timeout=100), out.get(timeout=100)
    for worker in workers:
        worker.join()
    assert first == second and len(first) == 20
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_full_disk_is_one_error_and_leaves_no_file(tmp_path, monkeypatch):
    clips = corpus(tmp_path / "in")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(VoxJaxError, match=r"No space left.*free some space"):
        build(clips, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_partial_write_leaves_no_file(tmp_path):
    resource = pytest.importorskip("resource")
    clips, (soft, hard) = corpus(tmp_path / "in"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # a real short write: the store needs 60 kB
    try:
        with pytest.raises(VoxJaxError, match="to write decoded clips"):
            build(clips, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(build(clips, tmp_path / "cache")) == 6


def test_broken_clips_are_errors_or_are_skipped(tmp_path, caplog):
    corpus(tmp_path / "in")
    (tmp_path / "in/2.wav").write_bytes(b"rubbish")
    clips = manifest(tmp_path / "in")
    with pytest.raises(VoxJaxError, match=r"1 that are not.*2\.wav.*broken_clips=skip"):
        build(clips, tmp_path / "cache")
    built = build(clips, tmp_path / "cache", "skip")
    assert built.kept.tolist() == [0, 1, 3, 4, 5] and "1 broken clips skipped" in caplog.text
    np.testing.assert_array_equal(built.clip(2), io.read(tmp_path / "in/3.wav", RATE))
