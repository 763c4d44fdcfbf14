"""A PNG -> a mask, where a picture may say what is inside in more than one way.

Colours say it (what is not black is inside), so do numbers of a palette (what is not number 0 is inside), and so does
transparency (what can be seen at all is inside). Tools write all three, often with a second one besides that nobody
thinks of: a mask painted black and white whose corners became transparent as it was turned, a palette whose number 0
is white. Where two of them say different things and nothing tells which one is meant, the mask is refused.

Axes: C colour of a palette.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.picture_files.reading import TooManyPixelsError, decode, open_header, sniff_format
from wikiclip.picture_files.structure.lean import BrokenFileError, ExcessError
from wikiclip.regions.mask import Mask
from wikiclip.regions.region import RegionError

# The share of the mask's pixels up to which something counts as an accident: transparent corners of a mask that was
# turned a little, black pixels within a thing that was cut out.
FEW = 0.05
# A painted mask has one colour beside black, but for its edges, which are much of a small one.
PLAIN = 0.75
# Alpha from which on a pixel is rather seen than not.
HALF = 128

AMBIGUOUS_ALPHA = (
    "Transparency and colours of the PNG mask say different things about what is inside: send white on black without "
    "transparency, or what is inside on transparent without black."
)
AMBIGUOUS_PALETTE = (
    "Numbers and colours of the PNG mask's palette say different things about what is inside: send white on black "
    "without a palette."
)


def read_png_mask(data: bytes, *, height: int, width: int) -> Mask:
    """The mask [height, width] that a PNG shows.

    Without transparency, what is not black is inside. (Of 16-bit colour only the high bytes count; 16-bit grey counts
    in full.) Of a palette:
        - where some of the colours in use are black and others are not, what is not black is inside;
        - where all of several are black, or none is, what is not number 0 is inside;
        - but where number 0 is in use, and what is not black is not what is not number 0, it is refused, unless it has
          two colours or greys only, as a tool writes that sorts what was black and white.
    With transparency:
        - what is not wholly transparent is inside, whatever its colour: a cut-out, which may have some black in it;
        - but of a mask that is painted in black and one colour and of which at most a twentieth is transparent, what is
          neither black nor transparent is inside; and so it is where nothing is wholly transparent;
        - it is refused where it could be either: more than a twentieth is black, and more than a twentieth transparent
          in one colour, or less in many; and where nothing is black or wholly transparent, but much is half seen.

    Raises:
        RegionError: malformed-png or mask-size-mismatch.
    """
    if sniff_format(data) != "PNG":
        raise RegionError("malformed-png", "The mask is not a PNG file.")
    mismatch = f"The mask must be of the size of the upright picture, {width} wide and {height} high."
    try:
        file = open_header(data, "PNG", max_pixels=height * width)
        if file.image.size != (width, height):
            raise RegionError("mask-size-mismatch", mismatch)
        image, alpha = decode(file)
    except TooManyPixelsError:
        raise RegionError("mask-size-mismatch", mismatch) from None
    except ExcessError as error:
        raise RegionError("malformed-png", f"The PNG file of the mask holds {error}.") from None
    except BrokenFileError as error:
        raise RegionError("malformed-png", "The PNG file of the mask is truncated or broken.") from error
    if alpha is not None and alpha.getextrema() != (255, 255):
        return _by_colour_or_alpha(image, np.asarray(alpha))
    return _by_palette(image) if image.mode == "P" else _not_black(image)


def _not_black(image: Image.Image) -> Mask:
    if image.mode not in ("1", "L", "I;16"):
        image = image.convert("RGB")
    values = np.asarray(image)  # [H, W] or [H, W, 3]
    bright: NDArray[np.bool_] = values.astype(np.bool_)
    return bright if bright.ndim == 2 else bright[..., 0] | bright[..., 1] | bright[..., 2]


def _by_palette(image: Image.Image) -> Mask:
    """The mask of a picture of mode P that is opaque."""
    numbers: NDArray[np.uint8] = np.asarray(image)
    used_C = np.flatnonzero(np.bincount(numbers.ravel(), minlength=256))
    colours_C3 = np.zeros((256, 3), np.uint8)
    palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    colours_C3[: len(palette)] = palette
    bright_C = colours_C3.max(axis=-1) > 0
    if bright_C[used_C].all() or not bright_C[used_C].any():  # colours say nothing
        by_number: Mask = numbers != 0 if len(used_C) > 1 else bright_C[numbers]
        return by_number
    grey = bool((colours_C3[used_C] == colours_C3[used_C, :1]).all())
    agree = np.array_equal(bright_C[used_C], used_C != 0)
    if not agree and used_C[0] == 0 and len(used_C) > 2 and not grey:
        raise RegionError("malformed-png", AMBIGUOUS_PALETTE)
    by_colour: Mask = bright_C[numbers]
    return by_colour


def _by_colour_or_alpha(image: Image.Image, alpha: NDArray[np.uint8]) -> Mask:
    """The mask of a picture that is not opaque everywhere."""
    bright = _not_black(image)
    seen: Mask = alpha != 0
    if seen.all():
        half = float((alpha >= HALF).mean())
        if bright.all() and FEW < half < 1 - FEW:
            raise RegionError("malformed-png", AMBIGUOUS_ALPHA)
        return bright
    painted: Mask = bright & seen
    black = float((seen & ~bright).mean())  # the share of all pixels
    if not black or not painted.any():
        return seen
    few_clear, plain = float((~seen).mean()) <= FEW, _is_plain(image, painted)
    if few_clear and plain:
        return painted
    if black <= FEW or (not plain and not few_clear):
        return seen
    raise RegionError("malformed-png", AMBIGUOUS_ALPHA)


def _is_plain(image: Image.Image, where: Mask) -> bool:
    """Whether nearly all pixels `where` have one colour, which is then the commonest value of each channel."""
    colours = np.asarray(image.convert("RGB"))[where]  # [pixel, 3]
    commonest = [np.bincount(channel, minlength=256).argmax() for channel in colours.T]
    return float((colours == commonest).all(axis=-1).mean()) >= PLAIN
