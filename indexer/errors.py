"""What can go wrong with an index, each with a sentence that says what to do."""

from wikiclip.base.errors import WikiClipError


class NoIndex(WikiClipError):
    """There is no published index version in the folder that was named."""


class CorruptIndex(WikiClipError):
    """An index version is not what its manifest says it is."""


class IndexUnreachable(WikiClipError):
    """The server that keeps an index's vectors does not answer; it may a moment later."""


class TookTooLong(WikiClipError):
    """A look-up in an index was given up: its disk is too slow, or its file means ill."""


class WrongModel(WikiClipError):
    """The index was made with another checkpoint than the one that asks."""


class UnknownEntity(WikiClipError):
    """The index holds no entity of that id."""


class IndexBusy(WikiClipError):
    """Another process builds into the same folder."""


class BadRecordFound(WikiClipError):
    """A record or a picture could not be read, and the build was told to be strict."""


class NothingToDo(WikiClipError):
    """None of the changes of an update can be made."""


class NothingLeft(WikiClipError):
    """After the changes of an update the index would hold no entity."""
