"""Inference: from sound files to predictions, with only a model folder."""
