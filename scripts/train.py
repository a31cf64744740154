"""The command `voxjax train`, from a checkout: `python scripts/train.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("train")
