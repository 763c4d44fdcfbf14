"""Small pictures for a page that carries them in itself.

Axes: H height, W width.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from wikiclip.masks import Mask

QUERY_SIDE = 220  # the longer side of a mention's thumbnail in pixels
JPEG_QUALITY = 80
RING = 2  # pixels of each of the contour's two tones
DIMMED = 0.45  # how much light is left outside the mask


def thumbnail(picture: Image.Image, side: int) -> Image.Image:
    """Returns the picture as RGB, at most `side` wide and high and never enlarged; transparency is laid on white."""
    small = picture.convert("RGBA")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")


def outlined(picture: Image.Image, mask: Mask, side: int = QUERY_SIDE) -> Image.Image:
    """Returns a thumbnail that shows a mention: a white and a black contour around the mask, and all outside it dimmed.

    A margin, counted in `side`, makes room for the contour of what touches the picture's border.

    Raises:
        ValueError: the mask is not of the picture's size.
    """
    if mask.shape != (picture.height, picture.width):
        raise ValueError(f"a mask of {mask.shape} for a picture {picture.height} high and {picture.width} wide")
    margin = 2 * RING
    small = thumbnail(picture, side - 2 * margin)
    share_HW = np.asarray(Image.fromarray(mask.astype(np.float32)).resize(small.size, Image.Resampling.BOX))
    # What is too small to fill half of a pixel anywhere is shown where it fills the most.
    inside_HW = (share_HW > 0) & (share_HW >= min(0.5, share_HW.max()))
    inside = Image.fromarray(np.pad(inside_HW, margin).astype(np.uint8) * 255)
    white, black = (inside.filter(ImageFilter.MaxFilter(2 * reach + 1)) for reach in (RING, 2 * RING))
    bright = Image.new("RGB", inside.size)
    bright.paste(small, (margin, margin))
    shown = bright.point(lambda value: DIMMED * value)
    shown.paste("black", mask=black)
    shown.paste("white", mask=white)
    shown.paste(bright, mask=inside)
    return shown


@dataclass(frozen=True)
class Inline:
    """A picture that a page carries in itself: a data URI, and the size in pixels."""

    uri: str
    width: int
    height: int


def inline(picture: Image.Image) -> Inline:
    """Returns an RGB picture as a JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return Inline(f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}", *picture.size)
