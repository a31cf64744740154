"""The two kinds of errors, each printed as one line."""


class VoxJaxError(Exception):
    """The work failed: bad audio, a missing corpus, a full disk. Exit code 1."""

    exit_code = 1


class UsageError(VoxJaxError):
    """The request was wrong: a mistyped key, a value of the wrong type. Exit code 2."""

    exit_code = 2


def mismatch(what: str, expected: object, found: object, do: str) -> str:
    """One line that says what was expected, what was found and what to do about it."""
    return f"{what}: expected {expected}, found {found}; {do}"
