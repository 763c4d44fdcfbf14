"""What can go wrong with a bundle, each with a sentence that says what to do."""

from wikiclip.base.errors import WikiClipError


class RemoteFailed(WikiClipError):
    """The remote could not be asked; the same command, run again, goes on."""


class NotThere(WikiClipError):
    """The remote does not hold what was asked for."""


class Refused(WikiClipError):
    """What the remote holds is not what was promised, or not signed by whom it should be."""


class PullBusy(WikiClipError):
    """Another process pulls into the same folder."""


class Stopped(WikiClipError):
    """The transfer was told to stop; the next one goes on where it was."""
