"""The command `voxjax vote`, from a checkout: `python scripts/vote.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("vote")
