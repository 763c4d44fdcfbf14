"""MaskOVEN-Wiki's files: the same questions with masks, written as a stream.

Axes: H row, W column, C corner.
"""

import json
import math
import random
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from tqdm import tqdm

from benchmarks.release.picture_names import Picture, drawing_size
from benchmarks.release.questions import AskedEntity, Question
from wikiclip.base.files import appearing_file
from wikiclip.masks import Mask, Rle, bounds, encode_rle

SHAPES = 12  # of a drawing; masks of many pictures are alike, which no reader looks for
TWO_EVERY = 6  # one mask in so many is of two pieces
CORNERS, ROUGH = 90, 0.2  # of an outline, whose radius varies by this share


def write_masks(
    path: Path,
    questions: Iterable[Question],
    pictures: Iterable[Picture],
    entities: Iterable[AskedEntity],
    *,
    least: int,
    least_bytes: int = 0,
) -> None:
    """Writes one file of the release. Memory does not grow with it.

    Args:
        questions: more than enough.
        least, least_bytes: questions are taken until there are so many and the file is so large.
    """
    with appearing_file(path) as partial, partial.open("wb") as file, tqdm(unit=" masks", desc=path.name) as bar:

        def enough() -> Iterator[Question]:
            for number, question in enumerate(questions):
                if number >= least and file.tell() >= least_bytes:
                    return
                yield question
                bar.update()

        file.write(b'{"images": ')
        _write_list(file, map(_image, pictures))
        file.write(b', "annotations": ')
        _write_list(file, (_annotation(number, question) for number, question in enumerate(enough())))
        file.write(b', "categories": ')
        _write_list(file, ({"id": entity.entity_id, "name": entity.title} for entity in entities))
        file.write(b"}\n")


def _write_list(file: IO[bytes], rows: Iterator[dict[str, Any]]) -> None:
    start = b"["
    for row in rows:
        file.write(start + json.dumps(row).encode("ascii"))
        start = b", "
    file.write(b"[]" if start == b"[" else b"]")


def _image(picture: Picture) -> dict[str, Any]:
    height, width = picture.size
    return {"id": picture.image_id, "file_name": picture.file_name, "height": height, "width": width}


def _annotation(number: int, question: Question) -> dict[str, Any]:
    shapes = [number % SHAPES, (number + 1) % SHAPES][: 2 if number % TWO_EVERY == 0 else 1]
    pieces = [_piece(question.picture.drawn, shape) for shape in shapes]
    return {
        "id": question.data_id,
        "image_id": question.picture.image_id,
        "category_id": question.entity.entity_id,
        "segmentation": [rle for rle, _ in pieces],
        "bbox": [box for _, box in pieces],
        "text_prompt": question.entity.title.lower(),
        "label": [question.entity.title],
        "question": question.text,
        "data_split": question.data_split,
    }


@cache  # of a few hundred
def _piece(drawn: int, shape: int) -> tuple[Rle, list[int]]:
    """A rough disc that fits its drawing, and the box around it: left, top, right, bottom."""
    mask_HW = _rough_disc(random.Random(f"shape {drawn} {shape}"), *drawing_size(drawn))
    return encode_rle(mask_HW), list(bounds(mask_HW))


def _rough_disc(draw: random.Random, height: int, width: int) -> Mask:
    reach = min(height, width) / 2
    radius, x, y = draw.uniform(0.3, 1.0) * reach, draw.uniform(0.2, 0.8) * width, draw.uniform(0.2, 0.8) * height
    corners_C2 = [
        (x + length * math.cos(angle), y + length * math.sin(angle))
        for angle, length in (
            (2 * math.pi * corner / CORNERS, radius * (1 + draw.uniform(-ROUGH, ROUGH))) for corner in range(CORNERS)
        )
    ]
    painted_HW = cv2.fillPoly(np.zeros((height, width), np.uint8), [np.array(corners_C2, np.int32)], 1)
    return np.asarray(painted_HW, np.bool_)
