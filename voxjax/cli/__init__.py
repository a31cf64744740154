"""The command line: flags, help, errors and exit codes."""
