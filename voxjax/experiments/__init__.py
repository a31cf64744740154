"""Whole runs: training, cross-validation, search, evaluation."""
