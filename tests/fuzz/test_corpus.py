"""Inputs that the fuzzer has found, and those that it began with, are read or refused in one line."""

import pathlib

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = pathlib.Path(__file__).parent / "corpus"
LARGEST = 10_240  # bytes of an input


@pytest.mark.parametrize("name", TARGETS)
def test_the_inputs_of_the_corpus_are_read_or_refused(name):
    inputs = sorted((CORPUS / name).iterdir())
    assert len(inputs) >= 20
    for path in inputs:
        data = path.read_bytes()
        assert len(data) <= LARGEST, path.name
        TARGETS[name](data)
