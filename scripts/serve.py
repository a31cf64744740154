"""The command `voxjax serve`, from a checkout: `python scripts/serve.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("serve")
