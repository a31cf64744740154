"""The command `voxjax inspect`, from a checkout: `python scripts/inspect_data.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("inspect")
