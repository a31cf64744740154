"""The guide's table: shape, order, and rows equal to librosa's."""

import csv

import numpy as np
import pytest
import soundfile

from tests.audio.test_vector import CHROMA, reference
from tests.voices import write_folder
from voxjax.audio import features, offline_augment
from voxjax.config import OfflineAugmentConfig
from voxjax.data import corpora
from voxjax.pipeline import dataset, feature_table
from voxjax.storage import atomic


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = write_folder(tmp_path_factory.mktemp("table"), takes=2, speakers=2)
    manifest = corpora.load("folder", root, root)
    manifest, clips = dataset.decoded(manifest, 16_000, root / "cache", "stop")
    shape = feature_table.write(root / "out/features.csv", manifest, clips, OfflineAugmentConfig(augmentation_factor=2))
    with (root / "out/features.csv").open() as file:
        rows = list(csv.DictReader(file))
    return manifest, rows, shape, root


def values(row):
    return np.array([float(row[name]) for name in feature_table.COLUMNS[:392]])


def without_offset(path):
    """A clip as it is decoded: its constant offset is removed."""
    samples = soundfile.read(path, dtype="float64")[0]
    return (samples - samples.mean()).astype(np.float32)


def but_chroma(error):
    """All but the 24 chroma numbers, which depend on rounding (see `vector`)."""
    return np.delete(error, np.arange(392)[CHROMA], axis=-1)


def test_one_row_for_each_clip_and_copy_in_order(made):
    manifest, rows, shape, _ = made
    assert shape == (36, 396) == (len(rows), len(rows[0]))
    assert [row["copy"] for row in rows] == ["0", "1", "2"] * 12
    assert [row["clip"] for row in rows[::3]] == [clip.path for clip in manifest.clips]
    assert {row["label"] for row in rows} == {"angry", "calm", "sad"}


def test_originals_equal_librosa(made):
    manifest, rows, _, root = made
    ours = np.stack([values(row) for row in rows[::3]])
    theirs = np.stack([reference(without_offset(root / clip.path)) for clip in manifest.clips])
    assert but_chroma(np.abs(ours - theirs) / theirs.std(0)).max() < 0.02


def test_copies_are_similar_to_their_clip_but_not_equal(made):
    _, rows, _, _ = made
    table_values = np.stack([values(row) for row in rows]).reshape(12, 3, 392)
    spread = table_values[:, 0].std(0)
    for copy in (1, 2):
        change = np.abs(table_values[:, copy] - table_values[:, 0]) / spread
        assert 0.01 < np.median(change) < 3


@pytest.mark.parametrize("copy", [1, 2])
def test_a_copys_row_equals_that_of_the_copy_alone(made, copy):
    manifest, rows, _, root = made
    clip = manifest.clips[7]
    samples = without_offset(root / clip.path)[None]
    ids, lengths = np.array([clip.augmentation_id], np.uint32), np.array([samples.shape[1]], np.int32)
    changed = offline_augment.make(OfflineAugmentConfig(), 16_000, samples, lengths, ids, copy)
    theirs = np.asarray(features.extract(feature_table.FEATURES, *changed)[0])[0, :, 0]
    spread = np.stack([values(row) for row in rows]).std(0)
    error = np.abs(values(rows[3 * 7 + copy]) - theirs) / spread
    assert np.median(error) < 1e-3 and but_chroma(error).max() < 0.05


def test_a_failed_write_keeps_the_old_table(made, monkeypatch):
    root = made[3]
    path = root / "out/features.csv"
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(path, "half")
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 2  # with its digest
