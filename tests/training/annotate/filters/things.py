"""Discs in a small picture, and answers about them."""

import numpy as np

from training.annotate.ensemble import Answer, Choice
from training.annotate.overlap import box_of
from wikiclip.segmenters.naming import Candidate
from wikiclip.segmenters.segmenter import Box

HEIGHT, WIDTH = 60, 80
WHOLE = Box(0, 0, WIDTH, HEIGHT)


def disc(row, column, radius):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def candidate(mask, confidence=0.9, *, boxed=False, box=None):
    return Candidate(mask=mask, confidence=confidence, box=box or (box_of(mask) if boxed else None))


def answer(segmenter, *candidates, reference="label"):
    return Answer(segmenter=segmenter, method=f"s{segmenter}", reference=reference, candidates=candidates)


def choice(mask, *, confidence=1.0, relative=1.0, segmenter=0, box=None, agreement=1.0):
    return Choice(
        mask=mask,
        confidence=confidence,
        relative=relative,
        segmenter=segmenter,
        method=f"s{segmenter}",
        reference="label",
        box=box,
        agreement=agreement,
    )
