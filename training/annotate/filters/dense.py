"""Dense scenes: among many things of a kind a segmenter may draw what lies between them (PL-VEL, "Data Filtering",
fourth filter, and its appendix).

Boxes that cover much of the picture tell a dense scene. There the mask is eroded and dilated, and its connected pieces
are counted; where there are many, what all segmenters say together, each by its confidence, settles whether the mask or
its inverse is the thing.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.annotate.ensemble import Answer, Choice, proposals
from training.annotate.filters.agreement import agreement
from training.annotate.filters.thresholds import Thresholds
from wikiclip.masks import Mask
from wikiclip.segmenters.segmenter import Box


def put_right(choice: Choice, answers: Sequence[Answer], thresholds: Thresholds) -> Choice:
    """Returns the choice, of a dense scene, with its mask inverted where it is the background; else as it is."""
    if not is_background(choice.mask, votes(answers)):
        return choice
    inverse = ~choice.mask
    return replace(
        choice,
        mask=inverse,
        box=None,
        agreement=agreement(inverse, choice.segmenter, answers, thresholds),
        mended=(*choice.mended, "dense"),
    )


def is_dense(mask: Mask, answers: Sequence[Answer], thresholds: Thresholds) -> bool:
    """Whether many boxes cover much of the picture, and the mask or its inverse falls into many pieces."""
    boxes = {proposal.candidate.box for proposal in proposals(answers, most=None) if proposal.candidate.box is not None}
    if len(boxes) < thresholds.dense_boxes or covered_by(boxes, mask.shape) < thresholds.dense_cover:
        return False
    reach = max(1, round(thresholds.dense_reach * min(mask.shape)))
    return max(pieces(mask, reach), pieces(~mask, reach)) > thresholds.dense_pieces


def covered_by(boxes: set[Box], shape: tuple[int, ...]) -> float:
    """The share of a picture [H, W] that lies in at least one box."""
    inside = np.zeros(shape, np.bool_)
    for box in boxes:
        inside[box.top : box.bottom, box.left : box.right] = True
    return float(inside.mean())


def pieces(mask: Mask, reach: int) -> int:
    """How many connected pieces a mask has once what is thinner than two reaches is gone."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    opened = cv2.dilate(cv2.erode(mask.astype(np.uint8), kernel), kernel)
    count, _ = cv2.connectedComponents(opened, connectivity=8)
    return int(count) - 1


def votes(answers: Sequence[Answer]) -> NDArray[np.float64]:
    """What all say together [H, W]: for each pixel the share of the confidence of those that have it inside.

    Raises:
        ValueError: nobody found anything.
    """
    found = list(proposals(answers, most=None))
    total = sum(proposal.relative for proposal in found)
    if not found or total <= 0:
        raise ValueError("nothing was found that could be voted on")
    votes_HW = np.zeros(found[0].candidate.mask.shape)
    for proposal in found:
        votes_HW[proposal.candidate.mask] += proposal.relative / total
    return votes_HW


def is_background(mask: Mask, votes_HW: NDArray[np.float64]) -> bool:
    """Whether those who voted have less inside the mask than outside of it."""
    if mask.all() or not mask.any():
        return False
    return float(votes_HW[mask].mean()) < float(votes_HW[~mask].mean())
