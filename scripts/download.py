"""The command `voxjax download`, from a checkout: `python scripts/download.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("download")
