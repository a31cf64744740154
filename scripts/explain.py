"""The command `voxjax explain`, from a checkout: `python scripts/explain.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("explain")
