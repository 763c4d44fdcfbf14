"""What became of a label, as a line of JSON: an annotation, or the step at which it was left out."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from training.annotate.ensemble import Mending
from training.data.problems import ProblemCode

Fate = Literal[
    "problem",  # the label or its picture could not be read
    "non-visual",  # what it names, or what the question asks for, cannot be seen
    "not-found",  # no segmenter found anything
    "disagreement",  # nobody agrees with the mask, or its segmenter is unsure, and it could not be mended
    "kept",
]
FATES: tuple[Fate, ...] = get_args(Fate)


class Outcome(BaseModel):
    """What became of one label.

    Attributes:
        data_id: the label's; or where a label was that could not be read.
        why: for a problem a sentence; for what is not visual the sort of entity or the word of the question.
        code: of a problem.
        mended: the filters that changed the mask.
        image, annotation: as they stand in MaskOVEN's files; of a label that was kept.
        entity: its name; of a label that was kept.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    data_id: str
    fate: Fate
    why: str = ""
    code: ProblemCode | None = None
    mended: Annotated[tuple[Mending, ...], Field(strict=False)] = ()
    image: dict[str, Any] | None = None
    annotation: dict[str, Any] | None = None
    entity: str | None = None
