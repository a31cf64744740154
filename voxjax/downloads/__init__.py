"""Corpora and encoder weights from the web, verified and resumable."""
