"""The command `voxjax soak`, from a checkout: `python scripts/soak.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("soak")
