"""The feature table's check: a correct table passes in any order, and each planted fault is named."""

import csv

import pytest

from tests.voices import write_folder
from voxjax.audio import vector
from voxjax.config import OfflineAugmentConfig
from voxjax.data import corpora, store
from voxjax.errors import VoxJaxError
from voxjax.pipeline import feature_table, feature_table_check
from voxjax.storage import checksum, sums


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("table")
    manifest = corpora.load("folder", write_folder(root, takes=1, speakers=2), root)
    clips = store.open_store(manifest, feature_table.FEATURES.sample_rate_hz, root / "cache", "stop", lambda done: None)
    feature_table.write(root / "features.csv", manifest, clips, OfflineAugmentConfig(augmentation_factor=1))
    with (root / "features.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    return manifest, head, rows


def checked(tmp_path, manifest, head, rows):
    path = tmp_path / "features.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return feature_table_check.check(path, manifest)


def test_a_correct_table_passes_in_any_order(tmp_path, written):
    manifest, head, rows = written
    found = checked(tmp_path, manifest, head, rows[::-1])
    assert found.faults == 0 and found.lines[-1] == "no faults"
    assert "12 x 392 numbers, of 6 clips with 1 copies each" in found.lines[0]
    assert found.lines[1].split() == ["angry", "4"]


def changed(rows, at, column, value):
    return [[*row[:column], value, *row[column + 1 :]] if i == at else row for i, row in enumerate(rows)]


FAULTS = {
    "label": (lambda rows: changed(rows, 3, vector.SIZE, "sad"), "1 rows with another label or speaker"),
    "speaker": (lambda rows: changed(rows, 3, vector.SIZE + 1, "x"), "angry of x, not angry of speaker_02"),
    "twice": (lambda rows: [*rows, rows[5]], "1 rows that stand there twice: folder/calm/speaker_01/0.wav copy 1"),
    "missing": (lambda rows: rows[:-1], "1 rows that are missing: folder/sad/speaker_02/0.wav copy 1"),
    "unknown": (lambda rows: changed(rows, 0, vector.SIZE + 2, "x.wav"), "clips that the corpus lacks: x.wav"),
    "nan": (lambda rows: changed(rows, 2, 7, "nan"), "1 numbers that are not finite: folder/angry/speaker_02/0.wav"),
    "constant": (lambda rows: [[*row[:9], "1", *row[10:]] for row in rows], "1 columns that are the same in every"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named(tmp_path, written, fault):
    manifest, head, rows = written
    plant, message = FAULTS[fault]
    found = checked(tmp_path, manifest, head, plant(rows))
    assert found.faults >= 1 and message in "\n".join(found.lines)


def test_a_file_that_is_not_a_feature_table_is_an_error(tmp_path, written):
    manifest, head, rows = written
    for text, message in (("", "feature table"), ("a,b\n1,2\n", "396 columns")):
        (tmp_path / "x.csv").write_text(text)
        with pytest.raises(VoxJaxError, match=message):
            feature_table_check.check(tmp_path / "x.csv", manifest)
    with pytest.raises(VoxJaxError, match="expected 396 cells, found 395"):
        checked(tmp_path, manifest, head, [*rows, rows[0][:-1]])
    with pytest.raises(VoxJaxError, match="expected numbers"):
        checked(tmp_path, manifest, head, changed(rows, 0, 0, "loud"))


def test_a_table_is_checked_against_its_digest(tmp_path, written):
    manifest, head, rows = written
    checked(tmp_path, manifest, head, rows)
    path, beside = tmp_path / "features.csv", tmp_path / "features.csv.sha256"
    beside.write_text(sums.text({path.name: checksum.digest(path, "sha256")}))
    assert feature_table_check.check(path, manifest).faults == 0
    path.write_text(path.read_text().replace(rows[0][0], f"{rows[0][0]}1", 1))
    assert (
        "expected the SHA-256 in features.csv.sha256, found another"
        in feature_table_check.check(path, manifest).lines[-1]
    )
