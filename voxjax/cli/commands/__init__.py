"""One module per command: its flags, and `run()`. `voxjax.cli.main.COMMANDS` lists them."""
