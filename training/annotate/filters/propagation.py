"""Errors passed on: a box around several things makes the next step draw them all, or what lies between (PL-VEL, "Data
Filtering", second filter, and its appendix).

The segmenter that draws at once looked for no box, so it cannot have inherited the error. It says which of the boxes is
meant: the surest one by its overlap with what was drawn at once. Where no box gives a mask that agrees, what was drawn
at once is taken itself.
"""

from collections.abc import Sequence
from dataclasses import replace

from training.annotate.ensemble import Answer, Choice, Proposal, proposals
from training.annotate.filters.agreement import agreement, is_agreed
from training.annotate.filters.thresholds import Thresholds
from training.annotate.overlap import box_iou, box_of, covered, iou


def mended(choice: Choice, answers: Sequence[Answer], thresholds: Thresholds) -> Choice:
    """Returns the choice with its mask replaced where its box holds several things, or a better box is agreed on; else
    as it is."""
    several = holds_several(choice, answers, thresholds)
    if is_agreed(choice, thresholds) and not several:
        return choice
    found = list(proposals(answers))
    at_once = [proposal for proposal in found if proposal.answer.segmenter != choice.segmenter]
    if not at_once:
        return choice
    surest = max(at_once, key=lambda proposal: (proposal.relative, -proposal.answer.segmenter))
    boxed = [
        proposal
        for proposal in found
        if proposal.answer.segmenter == choice.segmenter and iou(proposal.candidate.mask, choice.mask) < 1
    ]
    replacement = _by_box(boxed, surest, thresholds)
    if replacement is None and several:
        replacement = surest
    return choice if replacement is None else _taken(choice, replacement, answers, thresholds)


def holds_several(choice: Choice, answers: Sequence[Answer], thresholds: Thresholds) -> bool:
    """Whether the box of a choice holds two things that lie apart, as any of the segmenters found them."""
    if choice.box is None:
        return False
    inside = [
        proposal.candidate.mask
        for proposal in proposals(answers)
        if covered(proposal.candidate.mask, choice.box) >= thresholds.within
        and iou(proposal.candidate.mask, choice.mask) < thresholds.same
    ]
    return any(iou(one, other) < thresholds.apart for place, one in enumerate(inside) for other in inside[:place])


def _by_box(boxed: Sequence[Proposal], at_once: Proposal, thresholds: Thresholds) -> Proposal | None:
    """The candidate of the surest box, by its overlap with what was drawn at once, if its mask agrees with that."""
    around = box_of(at_once.candidate.mask)
    best = max(
        boxed,
        key=lambda one: one.relative * box_iou(one.candidate.box or box_of(one.candidate.mask), around),
        default=None,
    )
    if best is None or iou(best.candidate.mask, at_once.candidate.mask) < thresholds.agreed:
        return None
    return best


def _taken(choice: Choice, proposal: Proposal, answers: Sequence[Answer], thresholds: Thresholds) -> Choice:
    answer, candidate = proposal.answer, proposal.candidate
    return replace(
        choice,
        mask=candidate.mask,
        confidence=candidate.confidence,
        relative=proposal.relative,
        segmenter=answer.segmenter,
        method=answer.method,
        reference=answer.reference,
        box=candidate.box,
        agreement=agreement(candidate.mask, answer.segmenter, answers, thresholds),
        mended=(*choice.mended, "propagation"),
    )
