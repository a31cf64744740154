"""`python -m voxjax`: the command `voxjax`."""

from voxjax.cli.main import main

if __name__ == "__main__":
    main()
