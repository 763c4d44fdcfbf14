"""A picture's file without what is not needed to show it, and what a walk over its parts can find wrong.

Decoders read every part that a file holds, some of them slowly, and some of them refuse a file for a part that nobody
looks at. So a file is walked first, in time that grows with its length, and only what shows the picture goes on.
"""

from dataclasses import dataclass

Box = tuple[int, int, int, int]  # left, top, right, bottom


class BrokenFileError(Exception):
    """The file claims a format and does not keep to it, or ends too early."""


class ExcessError(BrokenFileError):
    """The file holds more of something than any picture has a use for. The message says what it holds."""

    def __init__(self, most: int, what: str) -> None:
        super().__init__(f"more than {most} {what}")


@dataclass(frozen=True, kw_only=True)
class LeanFile:
    """A file that shows what the original one shows.

    Attributes:
        data: a file of the same format.
        orientation: what EXIF's Orientation says, None where it says nothing that can be read.
        frame: where the first picture lies on its canvas, None where it fills the canvas.
        twin: the same file with other bytes after the last pixel's, None where the original one has its end. Both show
            the same where no pixel was lost.
    """

    data: bytes
    orientation: int | None = None
    frame: Box | None = None
    twin: bytes | None = None
