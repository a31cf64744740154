"""The program of a training step does not grow unnoticed: counts that, unlike times, are the same on every machine."""

import re

import pytest

from voxjax.benchmarks import reference_network as reference
from voxjax.benchmarks.workloads import reference_step
from voxjax.train import loop

pytestmark = pytest.mark.full_compiler  # the program that users run

SMALL = {**reference.OPTIONS, "filters": (8, 8), "lstm": (8,), "dense": (8,)}
# Of one member's step with each of the reference network's layers, and a tenth to spare. Each is a part of the time
# that a user waits for the first step: raise a number only with a reason.
MOST = {"lines": 10_900, "fusions": 445, "loops": 10, "branches": 1}


@pytest.fixture(scope="module")
def lowered():
    given = reference_step.arguments(options=SMALL)
    return loop.train_step.lower(*given[:4], given.indices([reference.batch(0)]), given.active)


def test_a_step_compiles_to_a_program_of_bounded_size(lowered):
    text = lowered.compile().as_text()
    found = {
        "lines": text.count("\n"),
        "fusions": len(re.findall(r" fusion\(", text)),
        "loops": len(re.findall(r" while\(", text)),
        "branches": len(re.findall(r" conditional\(", text)),
    }
    assert {name: count for name, count in found.items() if count > MOST[name]} == {}, found
    assert found["fusions"] > 100 and found["loops"] >= 4, "the counts are of another format"


def test_the_reference_step_computes_no_more_than_it_must():
    given = reference_step.arguments()
    costs = loop.train_step.lower(*given[:4], given.indices([reference.batch(0)]), given.active).cost_analysis()
    assert 9e9 < costs["flops"] < 11.8e9
    assert costs["bytes accessed"] < 3.5e9  # before fusion
