"""What several segmenters found for several references of one thing, and the one mask that is taken from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from training.annotate.references.build import ReferenceKind
from wikiclip.masks import Mask
from wikiclip.segmenters.naming import Candidate
from wikiclip.segmenters.segmenter import Box

Mending = Literal["places", "dense", "propagation"]  # the filters that correct a mask
MENDINGS: tuple[Mending, ...] = get_args(Mending)
LOOKED_AT = 5  # candidates of an answer: what a segmenter is less sure of is not meant


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one segmenter found for one reference.

    Attributes:
        segmenter: its number; 0 is the first, which the others are held against.
        method: its name.
        candidates: the surest first; none where it found nothing.
    """

    segmenter: int
    method: str
    reference: ReferenceKind
    candidates: Sequence[Candidate]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The mask that is taken.

    Attributes:
        mask: [H, W].
        confidence: as the segmenter has it that drew it, 0 to 1.
        relative: the same as a share of what that segmenter is surest of for this label, 0 to 1.
        box: in which it was drawn, if in one.
        agreement: the best overlap (IoU) with what the others found, 0 to 1; None where there is no other.
        mended: the filters that changed it, in their order.
    """

    mask: Mask
    confidence: float
    relative: float
    segmenter: int
    method: str
    reference: ReferenceKind
    box: Box | None = None
    agreement: float | None = None
    mended: tuple[Mending, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A candidate with where it comes from, and its confidence made comparable between segmenters."""

    candidate: Candidate
    answer: Answer
    relative: float


def proposals(answers: Sequence[Answer], most: int | None = LOOKED_AT) -> Iterator[Proposal]:
    """Yields candidates, each with its confidence as a share of its segmenter's surest.

    Args:
        most: of each answer; all of them if None.
    """
    surest: dict[int, float] = {}
    for answer in answers:
        for candidate in answer.candidates[:most]:
            surest[answer.segmenter] = max(surest.get(answer.segmenter, 0.0), candidate.confidence)
    for answer in answers:
        for candidate in answer.candidates[:most]:
            own = surest[answer.segmenter]
            relative = candidate.confidence / own if own > 0 else 1.0
            yield Proposal(candidate=candidate, answer=answer, relative=relative)
