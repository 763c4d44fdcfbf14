"""Pictures, annotations and categories as MaskOVEN-Wiki's files have them; `training/data/releases/maskoven.py` reads
them back."""

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from training.annotate.ensemble import Choice
from training.annotate.labels import Label
from training.annotate.references.build import ReferenceKind
from wikiclip.masks import bounds, encode_rle
from wikiclip.segmenters.naming import Reference


def image_of(label: Label, height: int, width: int) -> dict[str, Any]:
    """Returns a picture of the upright size; its id is its path without the ending, or its name where it is OVEN's."""
    return {"id": image_id(label), "file_name": f"/{label.file_name}", "height": height, "width": width}


def image_id(label: Label) -> str:
    """Returns such as "oven_04925844"."""
    path = PurePosixPath(label.file_name)
    return path.stem if path.stem.startswith("oven_") else path.as_posix()


def category_id(label: Label) -> str:
    """Returns the entity's id; where a label has none, one that its name alone makes, and no knowledge base has."""
    return label.entity_id or f"name-{hashlib.sha256(label.entity.encode('utf-8', 'replace')).hexdigest()[:16]}"


def annotation_of(label: Label, choice: Choice, references: Mapping[ReferenceKind, Reference]) -> dict[str, Any]:
    """Returns an annotation: the format's own keys, and how the mask was come by: `method`, `reference`, `confidence`,
    `agreement` and `mended`, which readers of the format pass over."""
    told: dict[str, Any] = {
        "id": label.data_id,
        "image_id": image_id(label),
        "category_id": category_id(label),
        "segmentation": [encode_rle(choice.mask)],
        "bbox": [list(bounds(choice.mask))],
        "text_prompt": references[choice.reference].words,
        "label": [label.entity],
        "data_split": label.data_split,
        "method": choice.method,
        "reference": choice.reference,
        "confidence": round(choice.confidence, 4),
        "agreement": None if choice.agreement is None else round(choice.agreement, 4),
        "mended": list(choice.mended),
    }
    return told if label.question is None else told | {"question": label.question}
