"""Stub."""

from typing import NamedTuple


class Signs(NamedTuple):
    commonest_share: float
    commonest: int
    entropy: float
    true_share: float
    true_entropy: float


def signs(predicted, truth, classes):
    return Signs(0.1, 0, 1.0, 0.1, 1.0)


def reason(config, history, labels):
    return None


def softened(config, hyper):
    return hyper
