"""Agreement: of all candidates the one that others of other references and segmenters are most like, by IoU.

A mask that nobody else draws is a potential error (PL-VEL, "Data Filtering", second filter).

Axes: P proposal.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.annotate.ensemble import Answer, Choice, Proposal, proposals
from training.annotate.filters.thresholds import Thresholds
from training.annotate.overlap import iou
from wikiclip.masks import Mask


def choose(answers: Sequence[Answer], thresholds: Thresholds) -> Choice | None:
    """Returns the candidate that is surest and best agreed with; None where nothing was found.

    What agrees is counted once an answer, by its most similar candidate, weighed by how sure that is.
    """
    found = list(proposals(answers))
    if not found:
        return None
    overlaps_PP = _overlaps(found)
    scores = [one.relative + thresholds.trust * _support(place, found, overlaps_PP) for place, one in enumerate(found)]
    # Of equals the first segmenter's first.
    chosen = found[max(range(len(found)), key=lambda place: (scores[place], -place))]
    return Choice(
        mask=chosen.candidate.mask,
        confidence=chosen.candidate.confidence,
        relative=chosen.relative,
        segmenter=chosen.answer.segmenter,
        method=chosen.answer.method,
        reference=chosen.answer.reference,
        box=chosen.candidate.box,
        agreement=agreement(chosen.candidate.mask, chosen.answer.segmenter, answers, thresholds),
    )


def agreement(mask: Mask, segmenter: int, answers: Sequence[Answer], thresholds: Thresholds) -> float | None:
    """Returns the best overlap of a mask with what other segmenters found for any reference and are sure enough of.

    Where there is but one segmenter, what it is surest of for other words is held against it: the mean overlap. None
    where there is nothing to hold against it.
    """
    others = [
        iou(mask, proposal.candidate.mask)
        for proposal in proposals(answers)
        if proposal.answer.segmenter != segmenter and proposal.relative >= thresholds.heard
    ]
    if others:
        return max(others)
    if {answer.segmenter for answer in answers} - {segmenter}:
        return 0.0  # there is another, and it found nothing
    own = [iou(mask, answer.candidates[0].mask) for answer in answers if answer.candidates]
    return (sum(own) - max(own)) / (len(own) - 1) if len(own) > 1 else None


def is_agreed(choice: Choice, thresholds: Thresholds) -> bool:
    """Whether others draw the mask, too, and its own segmenter would take it before most others: two that are unsure of
    the same wrong thing agree as well. Where there is no other, nobody says that they do not."""
    if choice.agreement is None:
        return True
    return choice.agreement >= thresholds.agreed and choice.relative >= thresholds.heard


def _overlaps(found: Sequence[Proposal]) -> NDArray[np.float64]:
    overlaps_PP = np.eye(len(found))
    for one in range(len(found)):
        for other in range(one):
            same = found[one].answer is found[other].answer
            if not same:
                overlap = iou(found[one].candidate.mask, found[other].candidate.mask)
                overlaps_PP[one, other] = overlaps_PP[other, one] = overlap
    return overlaps_PP


def _support(place: int, found: Sequence[Proposal], overlaps_PP: NDArray[np.float64]) -> float:
    """The mean over the other segmenters of how like their most similar candidates are, by how sure they are of them.

    A segmenter that was asked in several words counts by the mean of its answers, and one's own other answers count as
    one more segmenter.
    """
    by_answer: dict[tuple[int, str], float] = {}
    for other, proposal in enumerate(found):
        if proposal.answer is not found[place].answer:
            key = (proposal.answer.segmenter, proposal.answer.reference)
            by_answer[key] = max(by_answer.get(key, 0.0), overlaps_PP[place, other] * proposal.relative)
    by_segmenter: dict[int, list[float]] = {}
    for (segmenter, _), support in by_answer.items():
        by_segmenter.setdefault(segmenter, []).append(support)
    means = [float(np.mean(supports)) for supports in by_segmenter.values()]
    return float(np.mean(means)) if means else 0.0
