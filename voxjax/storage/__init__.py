"""Files: atomic writes, paths, checksums and provenance."""
