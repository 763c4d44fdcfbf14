"""Pictures of shapes whose colours and places are known, and a segmenter that finds a colour by its name."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.annotate.annotator import Annotator
from training.annotate.labels import LabelLines
from training.annotate.plan import Plan
from training.annotate.run import Job
from wikiclip.masks import bounds
from wikiclip.segmenters.naming import Candidate
from wikiclip.segmenters.segmenter import Box

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 40), "blue": (40, 60, 200), "yellow": (230, 210, 40)}
GROUND = (210, 210, 215)
WIDTH, HEIGHT = 96, 72
TOLERANCE = 60  # levels that a pixel may be off a colour


@dataclass(frozen=True)
class ColourSegmenter:
    """Connected pieces of the colour that the words name, the largest first; nothing else is known to it.

    Args:
        grow: pixels that each mask is grown by, so that two such segmenters draw alike and not the same.
        boxed: whether it says the box in which it drew.
    """

    method: str = "colour"
    grow: int = 0
    boxed: bool = False

    def find(self, image, references):
        rgb_HWC = np.asarray(image).astype(int)
        return [self._pieces(rgb_HWC, reference.words.lower().split()) for reference in references]

    def _pieces(self, rgb_HWC, words):
        named = next((COLOURS[word] for word in words if word in COLOURS), None)
        if named is None:
            return []
        near = (np.abs(rgb_HWC - named).max(axis=-1) <= TOLERANCE).astype(np.uint8)
        count, labels = cv2.connectedComponents(near)
        masks = sorted((labels == piece for piece in range(1, count)), key=lambda mask: -mask.sum())
        if self.grow:
            kernel = np.ones((2 * self.grow + 1,) * 2, np.uint8)
            masks = [cv2.dilate(mask.astype(np.uint8), kernel).astype(bool) for mask in masks]
        total = sum(mask.sum() for mask in masks)
        return [
            Candidate(mask=mask, confidence=float(mask.sum() / total), box=Box(*bounds(mask)) if self.boxed else None)
            for mask in masks
        ]


class NoKinds:
    """Knows of nothing what it is."""

    def of(self, entity_id, name):
        return []

    def fingerprint(self):
        return "none"


@pytest.fixture
def colour_annotator():
    return Annotator(segmenters=[ColourSegmenter(boxed=True), ColourSegmenter(method="grown", grow=1)], kinds=NoKinds())


def draw_picture(path: Path, number: int) -> dict[str, np.ndarray]:
    """A disc and a block of two colours on a grey ground; colour -> mask."""
    names = [list(COLOURS)[number % 4], list(COLOURS)[(number + 1) % 4]]
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 10 + number % 5, 40, 46), fill=COLOURS[names[0]])
    draw.rectangle((52, 12, 84 - number % 7, 60), fill=COLOURS[names[1]])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    pixels = np.asarray(image)
    return {name: (pixels == COLOURS[name]).all(axis=-1) for name in names}


def label_lines(folder: Path, pictures: int) -> list[dict]:
    """Draws pictures and returns two labels of each."""
    lines = []
    for number in range(pictures):
        for colour in draw_picture(folder / f"{number % 3}/{number:03}.png", number):
            lines.append(
                {
                    "picture": f"{number % 3}/{number:03}.png",
                    "entity": f"{colour} thing",
                    "entity_id": f"Q{1 + list(COLOURS).index(colour)}",
                    "question": "What is this?",
                }
            )
    return lines


def write_lines(path: Path, lines: list[dict]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def job_of(folder: Path, annotator: Annotator, *, chunk_labels: int = 4, strict: bool = False) -> Job:
    """Annotates `labels.jsonl` of a folder, whose pictures lie in `oven_images`, to where the reader looks for it."""
    labels = LabelLines(folder / "labels.jsonl", folder / "oven_images")
    plan = Plan(
        labels=labels.fingerprint(),
        kinds="none",
        model="m",
        index=None,
        segmenters=("a", "b"),
        chunk_labels=chunk_labels,
    )
    return Job(labels=labels, annotator=annotator, plan=plan, out=folder / "mask_oven_entity_train.json", strict=strict)
