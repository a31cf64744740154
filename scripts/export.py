"""The command `voxjax export`, from a checkout: `python scripts/export.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("export")
