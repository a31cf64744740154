"""The command `voxjax preprocess`, from a checkout: `python scripts/preprocess.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("preprocess")
