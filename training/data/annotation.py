"""An annotated mention: a region of a picture, and the entity that it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from PIL import Image

from indexer.kb.record import BadRecord
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import UNDECLARED, Declared, Mask, RegionCode, RegionError, decode_region, expect_declared
from wikiclip.pictures import PictureCode, PictureError, read_picture

TestSplit = Literal["seen", "unseen"]  # whether training has seen the entity
Split = Literal["train", TestSplit]
Task = Literal["entity", "query"]
TEST_SPLITS: tuple[TestSplit, ...] = get_args(TestSplit)
TASKS: tuple[Task, ...] = get_args(Task)
MentionCode = Literal["missing-picture", "unreadable-picture", "bad-region"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """One row of an annotated set; nothing of its picture has been looked at.

    Attributes:
        data_id: unique in its set.
        picture: the file, which may be missing.
        region: for `wikiclip.regions.decode`; None is the whole picture.
        entity_id: what the region shows, such as "Q1141409".
        split: whether it is trained on, or measured on with an entity that training has seen or not.
        task: None where a set does not tell tasks apart.
        question: what was asked about the picture, for people to read.
        declared: the picture's width and height as the set gives them, where the region rests on them.
    """

    data_id: str
    picture: Path
    region: object
    entity_id: str
    split: Split
    task: Task | None
    question: str | None
    declared: Declared = UNDECLARED


class AnnotatedSet(Protocol):
    """A source of annotations that can be read again from its start."""

    name: str

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        """Yields every annotation, in an order that does not change; memory does not grow with the set.

        Raises:
            WikiClipError: a file is damaged, at the place where that shows.
        """
        ...

    def __len__(self) -> int:
        """Returns how many there are, for a progress bar; bad records count; a large file is believed, not counted."""
        ...

    def fingerprint(self) -> str:
        """Changes when the annotations or the folders of their pictures do."""
        ...


class MentionError(WikiClipError):
    """An annotation that cannot become a mention.

    Attributes:
        code: what is wrong, for `training.data.problems.Problems`.
        cause: the same in the words of whoever read the picture or the region, such as "malformed-rle".
    """

    def __init__(self, code: MentionCode, cause: PictureCode | RegionCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.cause = cause


def read_mention(annotation: Annotation) -> tuple[Image.Image, Mask]:
    """Decodes the picture (RGB, upright) and its region, a mask [H, W] with at least one pixel.

    Raises:
        MentionError: the picture is missing or cannot be read, or the region does not fit it, or is one of a picture of
            another size.
    """
    try:
        picture = read_picture(annotation.picture).rgb
    except PictureError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            message = f"There is no picture {annotation.picture}."
            raise MentionError("missing-picture", error.code, message) from error
        raise MentionError("unreadable-picture", error.code, f"{annotation.picture}: {error}") from error
    try:
        expect_declared(annotation.declared, height=picture.height, width=picture.width)
        mask = decode_region(annotation.region, height=picture.height, width=picture.width)
    except RegionError as error:
        raise MentionError("bad-region", error.code, f"{error.code}: {error}") from error
    return picture, mask
