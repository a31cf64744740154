"""The command `voxjax benchmark`, from a checkout: `python scripts/benchmark.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("benchmark")
