"""Which stamps were made from the same photograph: recoloured, mirrored, retouched, or taken a moment later.

Stamps are compared by their outlines and by their detail, which is what is left of the grey levels once their slow
changes are taken away: an apple that was painted green keeps its gleam and its stalk. Thresholds were set by looking at
every pair of stamps that came near them.

Axes: N stamp, S side of the small square that a stamp's opaque part is stretched to.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.base.errors import WikiClipError

SIDE = 48
BLOCKS = 12  # slow changes: those that a square of this side still shows
SAME_ASPECT = 0.05  # of the logarithm of width by height
SAME_OUTLINE = 0.95  # intersection over union
SAME_DETAIL = 0.42  # correlation; lower than for one photograph, so that two of a burst count as one
# Balls, boxes and road signs share outlines, and their edges look like detail: they have to agree in more.
PLAIN_OUTLINE, SAME_PLAIN_DETAIL = 0.85, 0.75
MIRROR = "_mirror"  # Tux Paint's name for the mirrored picture of another stamp

Array = NDArray[np.float32]


def photographs(folder: Path, paths: Sequence[str], *, crops: Mapping[str, str]) -> dict[str, str]:
    """Path below the folder -> path of the first stamp, in alphabetical order, that was made from the same photograph.

    Args:
        crops: stamps that were cut out of another, which a comparison of whole stamps does not find.

    Raises:
        WikiClipError: a stamp cannot be opened.
    """
    paths = sorted(paths)
    looks = [_look(folder / path) for path in paths]
    alpha_NSS, detail_NSS = np.stack([alpha for alpha, _, _ in looks]), np.stack([detail for _, detail, _ in looks])
    aspect_N = np.log([aspect for _, _, aspect in looks])

    plain_N = np.max([_overlap(alpha_NSS, outline[None]) for outline in _plain_outlines()], axis=0)[:, 0]
    plain_NN = np.maximum(plain_N[:, None], plain_N) >= PLAIN_OUTLINE
    same_aspect_NN = np.abs(aspect_N[:, None] - aspect_N) < SAME_ASPECT
    same_NN = np.array([[path.replace(MIRROR, "") == other.replace(MIRROR, "") for other in paths] for path in paths])
    same_NN |= np.array([[crops.get(path) == other for other in paths] for path in paths])
    for turned in (slice(None), slice(None, None, -1)):
        detail_NN = _correlation(detail_NSS, detail_NSS[:, :, turned])
        outline_NN = _overlap(alpha_NSS, alpha_NSS[:, :, turned])
        same_NN |= detail_NN >= np.where(plain_NN, SAME_PLAIN_DETAIL, SAME_DETAIL)
        same_NN |= (outline_NN >= SAME_OUTLINE) & same_aspect_NN & ~plain_NN
    return {path: paths[first] for path, first in zip(paths, _first_of_group(same_NN | same_NN.T), strict=True)}


def _look(path: Path) -> tuple[Array, Array, float]:
    """A stamp's opaque part as alpha [S, S] and detail [S, S], and its width by its height."""
    try:
        with Image.open(path) as file:
            picture = file.convert("RGBA")
    except (OSError, Image.DecompressionBombError) as error:
        raise WikiClipError(f"{path} is no picture: remove the default data and run `make demo-data`.") from error
    box = picture.getchannel("A").point(lambda value: 255 * (value >= 128)).getbbox()
    picture = picture.crop(box) if box else picture
    grey = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture).convert("L")
    alpha_SS, grey_SS = _small(picture.getchannel("A")), _small(grey)
    detail_SS = grey_SS - alpha_SS * _slow(grey_SS) / np.maximum(_slow(alpha_SS), 1e-3)
    return (alpha_SS >= 0.5).astype(np.float32), detail_SS.astype(np.float32), picture.width / picture.height


def _small(channel: Image.Image) -> Array:
    return np.asarray(channel.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / np.float32(255)


def _slow(values_SS: NDArray[Any]) -> Array:
    coarse = Image.fromarray(values_SS.astype(np.float32)).resize((BLOCKS, BLOCKS), Image.Resampling.BOX)
    return np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _plain_outlines() -> list[Array]:
    """Outlines that say nothing of what is inside: a disc, a box, a diamond, a triangle on its base, one on its tip."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    triangle = np.abs(x) <= (y + 1) / 2
    outlines = [x**2 + y**2 <= 1, np.full_like(triangle, True), np.abs(x) + np.abs(y) <= 1, triangle, triangle[::-1]]
    return [outline.astype(np.float32) for outline in outlines]


def _overlap(ones_NSS: Array, others_NSS: Array) -> Array:
    """Intersection over union of every outline with every other."""
    one, other = ones_NSS.reshape(len(ones_NSS), -1), others_NSS.reshape(len(others_NSS), -1)
    both = one @ other.T
    either = one.sum(axis=1)[:, None] + other.sum(axis=1) - both
    return np.asarray(both / np.maximum(either, 1), np.float32)


def _correlation(ones_NSS: Array, others_NSS: Array) -> Array:
    one, other = ones_NSS.reshape(len(ones_NSS), -1), others_NSS.reshape(len(others_NSS), -1)
    lengths = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    return np.asarray(one @ other.T / np.maximum(lengths, 1e-6), np.float32)


def _first_of_group(same_NN: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row the first row of its group, where whatever is the same as the same is the same."""
    first_N = np.arange(len(same_NN))
    while True:
        earlier_N = np.where(same_NN, first_N, len(same_NN)).min(axis=1)
        if np.array_equal(earlier_N, first_N):
            return first_N
        first_N = earlier_N
