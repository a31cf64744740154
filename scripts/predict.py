"""The command `voxjax predict`, from a checkout: `python scripts/predict.py`."""

from voxjax.cli import main

if __name__ == "__main__":
    main.run("predict")
