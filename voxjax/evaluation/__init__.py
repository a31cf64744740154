"""Evaluation: figures computed from predictions."""
