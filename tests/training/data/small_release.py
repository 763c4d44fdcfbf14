"""OVEN's knowledge base, annotations and pictures at a small size, with the same mentions as MaskOVEN-Wiki has them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wikiclip.masks import encode_rle

HEIGHT, WIDTH = 40, 48
ENTITIES, PICTURED = 6, 4  # Q1 to Q6, of which Q1 to Q4 have a picture
TRAIN, VAL = 12, 8  # mentions, half of them of each task


def write_release(folder: Path) -> None:
    records = [
        {
            "wikidata_id": f"Q{n}",
            "wikipedia_title": f"heron {n}",
            "wikipedia_summary": "a bird that wades in shallow water " * n,
            "wikipedia_content": "",
            "wikipedia_image_url": None,
        }
        for n in range(1, ENTITIES + 1)
    ]
    folder.mkdir(parents=True)
    (folder / "Wiki6M_ver_1_0.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    for n in range(1, PICTURED + 1):
        draw(folder / f"wikipedia_images_full/Q{n}/Q{n}.jpg", n)
    for split, count in (("train", TRAIN), ("val", VAL)):
        for task in ("entity", "query"):
            write_annotations(folder, split, task, rows(split, task, count // 2))
    for n in range(TRAIN + VAL):
        draw(picture(folder, n), 100 + n)


def rows(split: str, task: str, count: int) -> list[dict[str, Any]]:
    """Annotations as OVEN has them; of the split val the first half is seen."""
    start = (0 if split == "train" else TRAIN) + (0 if task == "entity" else count)
    endings = {"train": ["train"], "val": ["val_seen", "val_unseen"]}[split]
    return [
        {
            "data_id": f"{task}_{split}_{n:03}",
            "image_id": f"oven_{start + n:08}",
            "question": "what bird is this?",
            "entity_id": f"Q{(start + n) % ENTITIES + 1}",
            "data_split": f"{task}_{endings[n * len(endings) // count]}",
        }
        for n in range(count)
    ]


def write_annotations(folder: Path, split: str, task: str, found: list[dict[str, Any]]) -> None:
    """One file of each release."""
    lines = (json.dumps({key: value for key, value in row.items() if key != "segmentation"}) + "\n" for row in found)
    (folder / f"oven_{task}_{split}.jsonl").write_text("".join(lines))
    masked = [
        {
            "id": row["data_id"],
            "image_id": row["image_id"],
            "category_id": row["entity_id"],
            "segmentation": row.get("segmentation", [encode_rle(mask(number))]),
            "bbox": [],
            "question": row["question"],
            "data_split": row["data_split"],
        }
        for number, row in enumerate(found)
    ]
    images = [
        {"id": image_id, "file_name": f"/00/{image_id}.jpg", "height": HEIGHT, "width": WIDTH}
        for image_id in sorted({row["image_id"] for row in found})
    ]
    path = folder / f"mask_oven_{task}_{split}.json"
    path.write_text(json.dumps({"images": images, "annotations": masked}))


def mask(number: int) -> Any:
    mask_HW = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask_HW[5 : 20 + number, 3 : 25 + number] = True
    return mask_HW


def picture(folder: Path, number: int) -> Path:
    return folder / f"oven_images/00/oven_{number:08}.jpg"


def draw(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((WIDTH, HEIGHT)).save(path)
    return path
