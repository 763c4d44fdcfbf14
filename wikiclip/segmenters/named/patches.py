"""Where the picture looks like the entity, and GrabCut from there: no box on the way, as in SEEM (Zou et al., 2023).

Tiles of the picture are seen by the tower, each patch alone is made a mention, and its cosine with the entity is the
patch's heat. GrabCut starts from what is hot and cuts where the picture has edges. What it cuts may be more than the
entity, so its pieces are compared with the entity again, beside the whole.

Axes: T tile, P patch, M of mention vectors; H, W pixels of a small copy.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from wikiclip.base.errors import WikiClipError
from wikiclip.masks import Mask
from wikiclip.mentions.mention import View
from wikiclip.model import WikiClip
from wikiclip.segmenters.canvas import Canvas
from wikiclip.segmenters.grabcut import SIDE, cut, softened
from wikiclip.segmenters.named.boxes import covering, scale
from wikiclip.segmenters.named.likeness import entities, looked_at, ranked
from wikiclip.segmenters.naming import Candidate, Reference
from wikiclip.segmenters.segmenter import Box
from wikiclip.towers.vision import VisionFeatures

TILE = 0.5  # of the picture's shorter side
STEP = 0.5  # from one tile to the next, at most, as a share of a tile
# Shares of the way from the coldest to the hottest pixel.
COLD, WARM, HOT = 0.25, 0.6, 0.9  # below is surely outside, above is likely inside, above is surely inside
ROUNDS = 2  # of GrabCut
SPECK = 0.02  # of what was cut: smaller pieces are no candidates of their own
PIECES = 6

Heat = NDArray[np.float32]


class Patches:
    """See the head of the file.

    Args:
        model: that made the entities' vectors; it is shared, and stays on its device.

    Raises:
        WikiClipError: its tower sees a picture as a whole, and has no patches.
    """

    method = "patches"

    def __init__(self, model: WikiClip) -> None:
        if model.vision.grid < 2:
            raise WikiClipError(
                f"The tower of {model.name} sees a picture as a whole, so no patch of it can be like an entity: take"
                " the segmenter windows."
            )
        self._model = model

    def find(self, image: Image.Image, references: Sequence[Reference]) -> list[list[Candidate]]:
        small = looked_at(image)
        tiles = tiled(small.width, small.height)
        vectors_TPM = self._patches(small, tiles)
        # What is cut lies on the small picture as the tiles do, and goes to the large one at once.
        cut_on, canvas = Canvas.of(small, side=SIDE, size=None), Canvas.of(small, side=SIDE, size=image.size)
        rgb_HWC = softened(canvas.rgb_HWC)
        found = []
        for entity_M in entities(self._model, references):
            heat_HW = laid([cut_on.box(tile) for tile in tiles], vectors_TPM @ entity_M, rgb_HWC.shape[:2])
            masks = [canvas.large(mask) for mask in pieces(cut(rgb_HWC, labels(heat_HW), rounds=ROUNDS))]
            found.append(ranked(self._model, image, [(mask, None) for mask in masks if mask.any()], entity_M))
        return found

    @torch.inference_mode()
    def _patches(self, image: Image.Image, tiles: Sequence[Box]) -> NDArray[np.float32]:
        """Each patch of each tile as a mention, [T, P, M]."""
        model, found = self._model, []
        seen = model.see([self._view(image, tile) for tile in tiles])
        patches = seen.patches_BPV.shape[1]
        alone_PP = torch.eye(patches, device=seen.patches_BPV.device)
        for number in range(len(tiles)):
            here = slice(number, number + 1)
            one = VisionFeatures(
                seen.patches_BPV[here], seen.pooled_BW[here], tuple(map_[here] for map_ in seen.earlier_maps)
            )
            vectors_PM = model.entity.mention(model.vision.pool(one.repeat_first(patches), alone_PP))
            found.append(vectors_PM.float().cpu().numpy())
        return np.stack(found)

    def _view(self, image: Image.Image, tile: Box) -> View:
        """A tile, stretched where the picture is too narrow for a square."""
        size = self._model.vision.image_size
        box = (tile.left, tile.top, tile.right, tile.bottom)
        part = image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
        pixels_CHW = np.ascontiguousarray(np.asarray(part).transpose(2, 0, 1))
        return View(pixels_CHW, np.ones((size, size), np.float32))


def tiled(width: int, height: int) -> list[Box]:
    """Tiles that cover a picture: squares, where it is not too narrow for them."""
    side = TILE * scale(width, height)
    return covering(width, height, side, step=STEP)


def laid(tiles: Sequence[Box], heat_TP: Heat, shape: tuple[int, ...]) -> Heat:
    """The heat of the patches of all tiles as one map [H, W]; a tile counts most in its middle."""
    sum_HW, weight_HW = np.zeros((2, *shape), np.float32)
    grid = round(heat_TP.shape[1] ** 0.5)
    for tile, heat_P in zip(tiles, heat_TP, strict=True):
        height, width = tile.bottom - tile.top, tile.right - tile.left
        heat_hw = cv2.resize(heat_P.reshape(grid, grid).astype(np.float32), (width, height))
        depth_hw = np.minimum(*np.meshgrid(_depth(width), _depth(height))).astype(np.float32)
        at = np.s_[tile.top : tile.bottom, tile.left : tile.right]
        sum_HW[at] += heat_hw * depth_hw
        weight_HW[at] += depth_hw
    return np.asarray(sum_HW / weight_HW, np.float32)


def labels(heat_HW: Heat) -> NDArray[np.uint8]:
    """What GrabCut starts from."""
    heat_HW = (heat_HW - heat_HW.min()) / max(1e-6, float(np.ptp(heat_HW)))
    labels_HW = np.full(heat_HW.shape, cv2.GC_PR_BGD, np.uint8)
    labels_HW[heat_HW < COLD] = cv2.GC_BGD
    labels_HW[heat_HW > WARM] = cv2.GC_PR_FGD
    labels_HW[heat_HW > HOT] = cv2.GC_FGD
    return labels_HW


def pieces(mask: Mask) -> list[Mask]:
    """A mask, and where it falls into several pieces, the largest of them."""
    count, pieces_HW, about, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    areas = about[:, cv2.CC_STAT_AREA]
    large = [piece for piece in range(1, count) if areas[piece] >= SPECK * mask.sum()]
    if len(large) < 2:
        return [mask]
    return [mask, *(np.asarray(pieces_HW == piece) for piece in sorted(large, key=lambda n: -areas[n])[:PIECES])]


def _depth(length: int) -> NDArray[np.int64]:
    """How far each pixel of a stretch is from its nearer end, from 1."""
    return np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
