"""Soft voting."""

import numpy as np

CHOICES = {"equal": lambda p, t: np.full(len(p), 1 / len(p)), "validation": lambda p, t: np.full(len(p), 1 / len(p))}


def soft(p, w):
    return np.tensordot(w / w.sum(), p, 1)


def diversity(predicted, truth):
    return {"disagreement": 0.0, "error_correlation": 0.0, "disagreement_matrix": [], "error_correlation_matrix": []}
