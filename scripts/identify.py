"""The command `voxjax identify`, from a checkout: `python scripts/identify.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("identify")
