"""Readers of further modalities: tables as tools write them, and clear errors."""

import dataclasses
import math

import numpy as np
import pytest

from voxjax import modalities
from voxjax.data.manifest import Clip
from voxjax.encoders import sentence
from voxjax.errors import UsageError, VoxJaxError

OPENFACE = """frame, face_id, timestamp, confidence, success, AU04_r, AU01_r, AU04_c
1, 0, 0.000, 0.98, 1, 4.0, 1.0, 1
2, 0, 0.500, 0.11, 0, 0.0, 0.0, 0
3, 0, 1.000, 0.98, 1, 2.0, 3.0, 1
"""
PULSE = "time_s,skin_conductance,heart_rate\n0,5,60\n1,7,80\n"


def values(name, value, duration_s):
    return modalities.read(name, value, duration_s).values


def written(folder, text, name="x.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_each_modality_is_a_field_of_the_clip():
    assert set(modalities.MODALITIES) <= {field.name for field in dataclasses.fields(Clip)}


def test_openface_tables_are_read_by_column_name_and_gaps_are_interpolated(tmp_path):
    """Blanks after commas, sorted units, no occurrence columns, and rows without a face interpolated."""
    found = values("face", written(tmp_path, OPENFACE), 1.0)
    assert found.shape == (10, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], [1.0, 4.0])
    np.testing.assert_allclose(found[5], [2.0, 3.0], atol=1e-6)  # interpolated between the rows with a face


def test_series_are_resampled_over_the_clip_and_their_ends_extended(tmp_path):
    path = written(tmp_path, PULSE)
    found = values("physio", path, 2.0)
    assert found.shape == (8, 2)
    np.testing.assert_allclose(found[:, 0], [60, 65, 70, 75, 80, 80, 80, 80])  # sorted by name, heart_rate is first
    assert values("physio", path, 0.5).shape == (2, 2)
    assert values("physio", path, math.inf).shape == (4, 2)  # without a clip, over its own duration
    assert values("physio", path, 10_000.0).shape == (600, 2)


def test_empty_cells_are_interpolated(tmp_path):
    found = values("physio", written(tmp_path, "\ufefftime_s,heart_rate\n0,60\n0.5,\n1,80\n"), 1.0)
    np.testing.assert_allclose(found[:, 0], [60, 65, 70, 75])


def test_arrays_are_used_unchanged(tmp_path):
    np.save(tmp_path / "face.npy", np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(values("face", tmp_path / "face.npy", 1.0), [[0, 1, 2], [3, 4, 5]])
    assert values("face", np.zeros(7), 1.0).shape == (1, 7)
    assert values("physio", [[1, 2], [3, 4]], 1.0).dtype == np.float32


def test_text_is_an_embedding():
    pytest.importorskip(sentence.PACKAGE)
    found = values("text", "I won!", 1.0)
    assert found.shape == (1, 384)
    np.testing.assert_array_equal(found[0], sentence.embed("I won!"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("face", "timestamp,AU04_c\n0,1\n", "columns of numbers under known names, found timestamp, AU04_c"),
        ("face", "AU04_r\n1\n", "expected a column time_s or timestamp, found none"),
        ("physio", "", "found an empty file"),
        ("physio", "time_s,heart_rate\n", "found no row"),
        ("physio", "time_s,heart_rate\n0,60,9\n", "line 2: expected 2 cells, found 3"),
        ("physio", "time_s,heart_rate\n0,fast\n", "line 2, heart_rate: expected a number, found 'fast'"),
        ("physio", "time_s,heart_rate\n1,60\n0,60\n", "rising times"),
        ("physio", "time_s,heart_rate\n,60\n", "rising times"),
        ("physio", "time_s,heart_rate\n0,\n1,\n", "heart_rate: expected at least one number"),
        ("physio", "time_s,heart_rate\n50,60\n51,60\n", "times within the clip, 0 to 2 s, found 50 to 51 s"),
    ],
)
def test_errors_of_wrong_tables_say_what_to_do(tmp_path, name, text, message):
    with pytest.raises(VoxJaxError, match=message) as caught:
        modalities.read(name, written(tmp_path, text), 2.0)
    assert "\n" not in str(caught.value)


def test_wrong_values_are_errors(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'physio'"):
        modalities.read("phyiso", "x", 1.0)
    with pytest.raises(VoxJaxError, match="a table"):
        modalities.read("physio", str(tmp_path / "none.csv"), 1.0)
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(VoxJaxError, match=r"an array \(\.npy\)"):
        modalities.read("face", str(tmp_path / "broken.npy"), 1.0)
    with pytest.raises(VoxJaxError, match="found NaN or infinity"):
        modalities.read("face", np.array([np.nan]), 1.0)
    with pytest.raises(VoxJaxError, match=r"numbers as \[T, D\] or \[D\], found float64 of shape 2x2x2"):
        modalities.read("face", np.zeros((2, 2, 2)), 1.0)
    with pytest.raises(VoxJaxError, match="expected words, found none"):
        modalities.read("text", "  ", 1.0)


def test_clips_without_the_modality_have_length_0(tmp_path):
    written(tmp_path, PULSE, "a.csv")
    found = modalities.read_all("physio", ["", "a.csv", ""], tmp_path, [1.0, 0.5, 2.0])
    assert found.values.shape == (3, 2, 2) and found.lengths.tolist() == [0, 2, 0]
    np.testing.assert_allclose(found.values[1], [[60, 5], [65, 5.5]])
    assert not found.values[0].any() and not found.values[2].any()
    assert found.names == ("heart_rate", "skin_conductance")


def test_columns_of_different_names_are_an_error(tmp_path):
    written(tmp_path, PULSE, "a.csv")
    written(tmp_path, PULSE.replace("heart_rate", "breaths"), "b.csv")
    with pytest.raises(VoxJaxError, match=r"b\.csv.*columns heart_rate, skin_conductance, found breaths, skin_cond"):
        modalities.read_all("physio", ["a.csv", "b.csv"], tmp_path, [1.0, 1.0])


def test_a_modality_of_no_clip_or_of_different_widths_is_an_error(tmp_path):
    with pytest.raises(VoxJaxError, match=r"clips that have it, found none; fill in the column 'face'"):
        modalities.read_all("face", ["", ""], tmp_path, [1.0, 1.0])
    for name, width in (("a.npy", 3), ("b.npy", 4)):
        np.save(tmp_path / name, np.zeros(width))
    with pytest.raises(VoxJaxError, match=r"b\.npy.*expected 3 numbers per position.*found 4"):
        modalities.read_all("face", ["a.npy", "b.npy"], tmp_path, [1.0, 1.0])
