"""The command `voxjax timeline`, from a checkout: `python scripts/timeline.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("timeline")
