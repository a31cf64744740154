"""The command `voxjax sweep`, from a checkout: `python scripts/sweep.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("sweep")
