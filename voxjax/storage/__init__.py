"""Files and folders: atomic writes, paths, free space, checksums and provenance."""
