"""Downloads of corpora and encoder weights, verified and resumable."""
