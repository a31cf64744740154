"""The two kinds of errors, each printed as one line."""


class VoxJaxError(Exception):
    """The work failed: bad audio, a missing corpus, a full disk. Exit code 1."""

    exit_code = 1


class UsageError(VoxJaxError):
    """The request was wrong: a mistyped key, a value of the wrong type. Exit code 2."""

    exit_code = 2


def mismatch(what: str, expected: object, found: object, do: str) -> str:
    """One line that says what was expected, what was found and what to do about it.

    What does not print, as a line break that a file's bytes hold, is escaped.
    """
    line = f"{what}: expected {expected}, found {found}; {do}"
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
