"""Tables with text of others: no formulas, no lost cells."""

import csv
import io

import pytest

from voxjax import labels
from voxjax.storage import csv_text

ACTIVE = ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "'=1", "''=1", "＝1+1", "\x00", "-"]
PLAIN = ["a=1", "'", "'a", "", "café", "0.5", 'a,b;"c"\nd']


@pytest.mark.parametrize("value", ACTIVE)
def test_cells_that_a_spreadsheet_would_evaluate_get_an_apostrophe(value):
    assert csv_text.cell(value) == f"'{value}" and csv_text.cell(value, raw=True) == value


@pytest.mark.parametrize("value", [*PLAIN, -0.5, -3, 1e-9, None])
def test_numbers_and_plain_text_stay_as_they_are(value):
    assert csv_text.cell(value) == value


def test_a_table_gives_its_text_back():
    values = [value for value in (*ACTIVE, *PLAIN) if value != "\x00"]
    table = csv_text.text([["=name", "n"], *([value, -0.5] for value in values)])
    assert [row["=name"] for row in csv_text.rows(table)] == values
    assert [row["n"] for row in csv.DictReader(io.StringIO(table, newline=""))] == ["-0.5"] * len(values)


def test_names_that_are_not_utf_8_can_be_encoded():
    assert csv_text.text([["caf\udce9.wav"]]) == "caf\\xe9.wav\n"


def test_rows_of_another_length_are_errors():
    with pytest.raises(ValueError, match="zip"):
        csv_text.rows("a,b\n1\n")


def test_a_label_with_the_name_of_a_column_gets_a_column_of_its_own():
    names = ["happy", "truth", "label_truth", "confidence", "path"]
    columns = labels.label_columns(names)
    assert columns == ["happy", "label_label_truth", "label_truth", "label_confidence", "label_path"]
    assert labels.label_columns(labels.EMOTIONS) == list(labels.EMOTIONS)
