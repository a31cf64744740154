"""The command `voxjax compare`, from a checkout: `python scripts/compare.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("compare")
