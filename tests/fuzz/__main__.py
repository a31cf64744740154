"""Runs the fuzzer: python -m tests.fuzz decoding|loading [CORPUS] [-max_total_time=300 and other flags of libFuzzer].

Inputs that reach new code are added to the corpus folder; one that fails is written to the current folder.
"""

import sys

import atheris

with atheris.instrument_imports(include=["voxjax"]):
    from tests.fuzz import targets

target = targets.TARGETS[sys.argv[1]]
atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
atheris.Fuzz()
