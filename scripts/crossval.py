"""The command `voxjax crossval`, from a checkout: `python scripts/crossval.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("crossval")
