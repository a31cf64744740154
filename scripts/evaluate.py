"""The command `voxjax evaluate`, from a checkout: `python scripts/evaluate.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("evaluate")
