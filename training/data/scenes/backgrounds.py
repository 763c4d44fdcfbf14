"""Backgrounds for scenes, drawn from a random generator: no picture of anything."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Generator = np.random.Generator


def draw_background(rng: Generator, width: int, height: int) -> Image.Image:
    """Returns one of several kinds of texture in random colours, RGB."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    shade_HW1 = kind(rng, width, height)[..., None]
    first, second = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    grain_HW1 = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(rng.uniform(0, 12))
    pixels_HWC = second + (first - second) * shade_HW1.astype(np.float32) + grain_HW1
    return Image.fromarray(np.clip(pixels_HWC, 0, 255).astype(np.uint8), "RGB")


def _gradient(rng: Generator, width: int, height: int) -> NDArray[np.float64]:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width]
    along = x * np.cos(angle) + y * np.sin(angle)
    share: NDArray[np.float64] = (along - along.min()) / np.ptp(along)
    return share


def _clouds(rng: Generator, width: int, height: int) -> NDArray[np.float64]:
    """Noise at several scales, as in sky, water or foliage out of focus."""
    total = np.zeros((height, width))
    for cells in (3, 6, 12, 24)[: int(rng.integers(2, 5))]:
        coarse = Image.fromarray(rng.random((cells, cells)).astype(np.float32), "F")
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) / cells
    share: NDArray[np.float64] = (total - total.min()) / np.ptp(total)
    return share


def _stripes(rng: Generator, width: int, height: int) -> NDArray[np.float64]:
    angle, period = rng.uniform(0, np.pi), rng.uniform(12, 90)
    y, x = np.mgrid[0:height, 0:width]
    share: NDArray[np.float64] = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    return share


def _horizon(rng: Generator, width: int, height: int) -> NDArray[np.float64]:
    """Ground below, sky above, each a little cloudy."""
    line = int(height * rng.uniform(0.35, 0.75))
    share = 0.25 * _clouds(rng, width, height)
    share[line:] += 0.75
    return share


KINDS: tuple[Callable[[Generator, int, int], NDArray[np.float64]], ...] = (_gradient, _clouds, _stripes, _horizon)
