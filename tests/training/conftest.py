"""A small model at random weights, and small data sets: scenes of shapes that tests draw, and published releases."""

import colorsys
import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from indexer.kb.jsonl import JsonLines
from indexer.kb.pictures.match import Stamp
from tests.training.data.small_release import write_release
from tests.wikiclip.conftest import bert_folder, clip_file, plain_preset, text_folder, vision_backbone
from training.data.scenes.dataset import ScenesData, scenes_data
from training.data.scenes.folds import FOLDS
from wikiclip.model import WikiClip
from wikiclip.presets import Preset, SpaceConfig

__all__ = ["bert_folder", "clip_file", "plain_preset", "text_folder", "vision_backbone"]

SHOWN, TOLD, TWICE = 16, 120, 8  # entities with a picture, without one, and with another photograph


def draw(path, number, *, tilted):
    """A star whose points and colour are the entity's own; another photograph of it is tilted and paler."""
    colour = colorsys.hsv_to_rgb(number / SHOWN, 0.6 if tilted else 1.0, 0.9)
    points, turn = 3 + number % 5, 0.5 * tilted
    outline = [
        (64 + radius * math.cos(angle), 64 + radius * math.sin(angle))
        for corner in range(2 * points)
        for radius, angle in [(60 if corner % 2 else 25, turn + math.pi * corner / points)]
    ]
    stamp = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
    ImageDraw.Draw(stamp).polygon(outline, fill=(*(round(255 * c) for c in colour), 255))
    stamp.save(path)


def draw_place(folder: Path, number: int) -> str:
    """Ground below a sky; the name of its file."""
    place = Image.new("RGB", (96, 64), (90, 140, 200 - 20 * number))
    place.paste((60 + 20 * number, 110, 60), (0, 36, 96, 64))
    place.save(folder / f"place-{number}.png")
    return f"place-{number}.png"


@pytest.fixture(scope="module")
def small_scenes(tmp_path_factory, plain_preset) -> Iterator[ScenesData]:
    """`drawn_scenes` in a mention space of its own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("scenes")
        patch.setenv("WIKICLIP_HOME", str(folder / "var"))
        yield drawn_scenes(folder, dataclasses.replace(plain_preset, space=SpaceConfig(width=16, classes=3)))


def drawn_scenes(folder: Path, preset: Preset) -> ScenesData:
    """16 entities with a picture, 8 of them in a second photograph, and 120 without."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    stamps, records = [], []
    for number in range(SHOWN + TOLD):
        record = {"entity_id": f"e{number}", "title": f"thing {number}", "text": "a bird that wades"[: 1 + number % 17]}
        if number < SHOWN:
            for photo in range(1 + (number < TWICE)):
                path = f"{number}-{photo}.png"
                draw(folder / path, number, tilted=bool(photo))
                stamps.append(Stamp(path=path, caption="", entity_id=f"e{number}", photograph=path))
            record["images"] = [f"{number}-0.png"]
        records.append(json.dumps(record))
    (folder / "kb.jsonl").write_text("\n".join(records) + "\n")
    return scenes_data(
        WikiClip(preset),
        JsonLines(folder / "kb.jsonl", images=folder),
        stamps,
        classes=(),
        places_root=folder,
        places=[draw_place(folder, number) for number in range(FOLDS)],
    )


@pytest.fixture(scope="session")
def small_model(plain_preset: Preset) -> WikiClip:
    """The paper's plain form with small backbones."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return WikiClip(plain_preset)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the releases are expected, and where they are."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    write_release(tmp_path / "oven")
    return tmp_path / "oven"
