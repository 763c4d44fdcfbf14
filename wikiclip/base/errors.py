"""The one exception type for what a user can cause."""


class WikiClipError(Exception):
    """Something a user can cause and mend. The message says what is wrong and what to do."""
