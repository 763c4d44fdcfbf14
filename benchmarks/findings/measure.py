"""What of a photograph is found, and whether it is known by what was found, by its mask and by a click.

Axes: H, W pixels.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

from indexer.linker import Found, Linker
from wikiclip.masks import Mask, bounds, encode_rle
from wikiclip.segmenters import Point, Segmenter

ENOUGH = 0.5  # the overlap (IoU) from which a thing counts as found
ALL = 0.9  # of the picture, that is asked about as the whole picture (service/page/asking/middle.js)
# By which a thing is asked for; the last as the page does where nothing is marked.
WAYS = "mask", "click", "middle", "surest found", "any found", "unmarked"


class Taken(NamedTuple):
    """A photograph of a folder: its name, and what it shows."""

    name: str
    thing_id: str
    is_known: bool
    half: str
    sort: str  # framed, flat, standing
    trouble: str


@dataclass(frozen=True)
class Answer:
    """What one way of asking came to: None for what nothing was found by."""

    right: bool
    confidence: float


@dataclass(frozen=True)
class Asked:
    """One photograph.

    Attributes:
        overlaps: of each proposal with the thing.
        clicked: the overlap of a click's first mask.
        seconds: of the processor, to propose.
        answers: by way; without those that nothing was found by.
    """

    taken: Taken
    overlaps: list[float]
    clicked: float
    seconds: float
    answers: dict[str, Answer]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"taken": self.taken._asdict()}


def measured(linker: Linker, segmenter: Segmenter, folder: Path, taken: Taken) -> Asked:
    """Proposes, clicks and links one photograph, read as the service reads it."""
    picture = linker.read(folder / "photographs" / f"{taken.name}.jpg", fit=lambda *size: max(size) / segmenter.side)
    with Image.open(folder / "masks" / f"{taken.name}.png") as file:
        mask = np.asarray(file.convert("1"))
    start = time.thread_time()
    proposed = segmenter.segment(picture.rgb, None, size=picture.size)
    seconds = time.thread_time() - start
    clicked = segmenter.segment(picture.rgb, inner(mask), size=picture.size)[0]
    height, width = mask.shape
    middle = segmenter.segment(picture.rgb, Point(width // 2, height // 2), size=picture.size)[0]
    regions = [*(encode_rle(each) for each in (mask, clicked, middle, *proposed)), None]
    found = linker.link(folder / "photographs" / f"{taken.name}.jpg", regions=regions)
    answers = [Answer(_first(each) == taken.thing_id, each.confidence or 0.0) for each in found]
    by = dict(zip(WAYS, answers[:3], strict=False))
    *of_proposed, of_whole = answers[3:]
    if proposed:
        by["surest found"] = max(of_proposed, key=lambda answer: answer.confidence)
        by["any found"] = max(of_proposed, key=lambda answer: (answer.right, answer.confidence))
    meant = [of_whole] if (near := nearest(proposed)) is None else [of_proposed[near], of_whole]
    by["unmarked"] = max(meant, key=lambda answer: answer.confidence)
    return Asked(taken, [overlap(each, mask) for each in proposed], overlap(clicked, mask), seconds, by)


def nearest(masks: Sequence[Mask]) -> int | None:
    """Which one's box is nearest to the picture's middle; None where there is none but what fills the picture."""
    off = {}
    for number, mask in enumerate(masks):
        left, top, right, bottom = bounds(mask)
        if (right - left) * (bottom - top) < ALL * mask.size:
            height, width = mask.shape
            off[number] = float(np.hypot(left + right - width, top + bottom - height))
    return min(off, key=lambda number: off[number], default=None)


def inner(mask: Mask) -> Point:
    """The pixel of a mask that is farthest from its rim."""
    depth_HW = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth_HW.argmax()), depth_HW.shape)
    return Point(int(column), int(row))


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union; 0 of two that are empty."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def lines(asked: Sequence[Asked], sure: float) -> list[str]:
    """Two tables in Markdown: what is found, by sort and trouble, and what it is known by; shares in percent."""
    return [*_overlaps(asked), "", *_known(asked, sure)]


def _overlaps(asked: Sequence[Asked]) -> list[str]:
    made = [
        "| photographs | n | found | best overlap | proposals | ms | clicked |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    rows = {"all": list(asked)}
    for field in ("sort", "trouble"):
        for kind in sorted({str(getattr(each.taken, field)) for each in asked}):
            rows[kind] = [each for each in asked if getattr(each.taken, field) == kind]
    for name, some in rows.items():
        best = [max(each.overlaps, default=0.0) for each in some]
        figures = (
            _percent([overlap >= ENOUGH for overlap in best]),
            f"{np.mean(best):.3f}",
            f"{np.mean([len(each.overlaps) for each in some]):.1f}",
            f"{1000 * np.median([each.seconds for each in some]):.0f}",
            _percent([each.clicked >= ENOUGH for each in some]),
        )
        made.append(f"| {name} | {len(some)} | {' | '.join(figures)} |")
    return made


def _known(asked: Sequence[Asked], sure: float) -> list[str]:
    made = ["| asked by | first | sure | of these right | unknown things, sure |", "|---|---:|---:|---:|---:|"]
    known, unknown = ([each for each in asked if each.taken.is_known == is_known] for is_known in (True, False))
    for way in WAYS:
        answers = [each.answers.get(way) for each in known]
        certain = [answer for answer in answers if answer and answer.confidence >= sure]
        wrong = [each for each in unknown if (answer := each.answers.get(way)) and answer.confidence >= sure]
        first = _percent([answer is not None and answer.right for answer in answers])
        right = sum(answer.right for answer in certain)
        made.append(f"| {way} | {first} | {len(certain)} | {right} | {len(wrong)} of {len(unknown)} |")
    return made


def _first(found: Found) -> str | None:
    return found.candidates[0].entity.entity_id if found.candidates else None


def _percent(holds: Sequence[bool]) -> str:
    return f"{100 * sum(holds) / max(1, len(holds)):.1f}"
