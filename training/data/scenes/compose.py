"""Scenes composed from stamps: several on a background, each visible one a mention with its true mask.

A scene is settled by its seed alone, so a data set is a list of seeds and is never stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from training.data.scenes.backgrounds import draw_background
from wikiclip.masks import Mask

Backdrop = Callable[[np.random.Generator, int, int], Image.Image]  # width and height -> RGB


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """How scenes are composed; lengths are shares of the scene's shorter side.

    Attributes:
        size: width and height in pixels.
        distractors: other stamps in a scene, at least and at most.
        stamp: a stamp's longer side, at least and at most.
        rotation: degrees either way.
        colour: how far brightness, contrast and saturation move either way from 1.
        visible: the least share of a stamp that others may leave uncovered for it to be a mention.
    """

    size: tuple[int, int] = (640, 480)
    distractors: tuple[int, int] = (1, 3)
    stamp: tuple[float, float] = (0.3, 0.65)
    rotation: float = 25.0
    colour: float = 0.25
    visible: float = 0.6


@dataclass(frozen=True)
class Placed:
    """One stamp in a scene: its path, and the mask of what is visible of it."""

    path: Path
    mask: Mask
    visible: float


@dataclass(frozen=True)
class Scene:
    """A picture, and the stamps in it that are visible enough to be mentions."""

    picture: Image.Image
    placed: tuple[Placed, ...]


def compose(
    paths: Sequence[Path], seed: Sequence[int], config: SceneConfig, backdrop: Backdrop = draw_background
) -> Scene:
    """Lays the stamps on a backdrop in order; later ones may cover earlier ones, the first is laid last."""
    rng = np.random.default_rng(seed)
    width, height = config.size
    picture = backdrop(rng, width, height)
    owner_HW = np.full((height, width), -1, dtype=np.int16)
    areas = {}
    for number, path in reversed(list(enumerate(paths))):
        stamp = _vary(rng, _load(path), config)
        scale = rng.uniform(*config.stamp) * min(width, height) / max(stamp.size)
        # 0.9: a long stamp must fit the scene's other side too.
        scale = min(scale, 0.9 * width / stamp.width, 0.9 * height / stamp.height)
        stamp = stamp.resize(
            (max(1, round(stamp.width * scale)), max(1, round(stamp.height * scale))), Image.Resampling.BICUBIC
        )
        x, y = int(rng.integers(0, width - stamp.width + 1)), int(rng.integers(0, height - stamp.height + 1))
        alpha = np.asarray(stamp.getchannel("A")) >= 128
        picture.paste(stamp, (x, y), stamp)
        owner_HW[y : y + stamp.height, x : x + stamp.width][alpha] = number
        areas[number] = int(alpha.sum())
    placed = []
    for number, path in enumerate(paths):
        mask = owner_HW == number
        visible = mask.sum() / max(1, areas[number])
        if visible >= config.visible:
            placed.append(Placed(path, mask, float(visible)))
    return Scene(picture, tuple(placed))


def _vary(rng: np.random.Generator, stamp: Image.Image, config: SceneConfig) -> Image.Image:
    alpha = stamp.getchannel("A")
    colours = stamp.convert("RGB")
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        colours = enhance(colours).enhance(rng.uniform(1 - config.colour, 1 + config.colour))
    colours.putalpha(alpha)
    if rng.random() < 0.5:
        colours = colours.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = colours.rotate(rng.uniform(-config.rotation, config.rotation), Image.Resampling.BICUBIC, expand=True)
    box = turned.getchannel("A").point(lambda value: 255 * (value >= 128)).getbbox()
    return turned.crop(box) if box is not None else turned


@lru_cache(maxsize=1024)
def _load(path: Path) -> Image.Image:
    """Reads a stamp as RGBA, no larger than a scene needs."""
    with Image.open(path, formats=["PNG"]) as file:
        stamp = file.convert("RGBA")
    stamp.thumbnail((512, 512))
    return stamp
