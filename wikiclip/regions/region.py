"""What a region holds, and what can be wrong with one. Imports nothing heavy: a client needs it, too."""

from typing import Literal, get_args

from typing_extensions import TypedDict  # pydantic asks for this one on Python 3.11

from wikiclip.base.errors import WikiClipError

RegionCode = Literal[
    "malformed-region",  # none of the forms, fields that do not belong, or two forms at once
    "malformed-rle",
    "malformed-polygon",
    "malformed-box",
    "malformed-png",
    "mask-size-mismatch",  # an RLE or a PNG that is not of the picture's size
    "outside-picture",  # a box that lies wholly outside
    "empty-mask",  # well-formed, but no pixel is inside
    "region-too-complex",  # past a bound that keeps the work of one region small
]
REGION_CODES: tuple[RegionCode, ...] = get_args(RegionCode)


class Rle(TypedDict):
    """A compressed RLE, ready for JSON."""

    size: list[int]
    counts: str


class RegionError(WikiClipError):
    """A region that cannot become a mask. The message never repeats what the caller sent.

    Attributes:
        code: the cause, stable from release to release.
    """

    def __init__(self, code: RegionCode, message: str) -> None:
        super().__init__(message)
        self.code = code
