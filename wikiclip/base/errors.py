"""The one exception type for what a user can cause, and what of a library's own errors is passed on."""

REASON = 200  # characters of what a library says about a failure


class WikiClipError(Exception):
    """Something a user can cause and mend. The message says what is wrong and what to do."""


def first_line(error: BaseException) -> str:
    """What a library says first of a failure; advice and traces come after. The error's type where it says nothing."""
    return str(error).partition("\n")[0][:REASON] or type(error).__name__


def how_to_install(extra: str) -> str:
    """The command that brings an extra, in the project's folder, and leaves everything else as it is."""
    return f".venv/bin/pip install -c constraints.txt -e '.[{extra}]'"
