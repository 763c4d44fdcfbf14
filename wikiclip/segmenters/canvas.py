"""A picture made small enough to be segmented at once, and masks of it made large again."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask
from wikiclip.segmenters.segmenter import Box, Point


@dataclass(frozen=True, slots=True)
class Canvas:
    """The small picture, and how it lies on the large one.

    Attributes:
        rgb_HWC: uint8, at most some hundred pixels along the longer side.
        height, width: of the large picture.
    """

    rgb_HWC: NDArray[np.uint8]
    height: int
    width: int

    @classmethod
    def of(cls, image: Image.Image, *, side: int, size: tuple[int, int] | None) -> "Canvas":
        """Makes it at most `side` pixels long; what is smaller stays as it is.

        Args:
            size: of the large picture, where the image is smaller than it already; the image's if None.
        """
        width, height = size or image.size
        shrink = min(1.0, side / max(image.size))
        shape = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
        small = image if shape == image.size else image.resize(shape, Image.Resampling.BOX, reducing_gap=2.0)
        return cls(np.asarray(small), height, width)

    def point(self, point: Point) -> Point:
        """The pixel of the small picture under one of the large."""
        height, width = self.rgb_HWC.shape[:2]
        return Point(point.x * width // self.width, point.y * height // self.height)

    def box(self, box: Box) -> Box:
        """The pixels of the small picture that a box of the large one touches, at least one."""
        height, width = self.rgb_HWC.shape[:2]
        return Box(
            box.left * width // self.width,
            box.top * height // self.height,
            -(-box.right * width // self.width),
            -(-box.bottom * height // self.height),
        )

    def large(self, mask: Mask) -> Mask:
        """A mask of the small picture as one of the large; its outline runs straight between the small pixels."""
        if mask.shape == (self.height, self.width):
            return mask
        # In bytes and not in floats: a picture may have fifty million pixels.
        grown = cv2.resize(
            mask.astype(np.uint8) * np.uint8(255), (self.width, self.height), interpolation=cv2.INTER_LINEAR
        )
        return np.asarray(grown > 127)
