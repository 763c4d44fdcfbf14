"""Picture files of every common kind -> one kind of picture: upright, RGB, transparency laid on white."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image

from wikiclip.base.errors import WikiClipError
from wikiclip.base.regular_files import open_regular
from wikiclip.masks import Mask
from wikiclip.picture_files.reading import (
    FILE_FORMATS,
    SHRINKS,
    FileFormat,
    PictureFile,
    TooManyPixelsError,
    decode,
    open_header,
    sniff_format,
)
from wikiclip.picture_files.structure.lean import BrokenFileError, ExcessError

PictureCode = Literal[
    "empty-image",  # zero bytes
    "unreadable-image",  # a path that cannot be read
    "unsupported-image",  # no picture, or of a format that the limits do not name
    "malformed-image",  # truncated, or broken in another way
    "image-too-large",  # too many bytes or pixels
]
PICTURE_CODES: tuple[PictureCode, ...] = get_args(PictureCode)

# Alpha from which on a pixel counts as belonging to what is shown.
OPAQUE_FROM = 128
WHITE = (255, 255, 255)

# What the values 2 to 8 of EXIF's Orientation ask for, so that the picture stands upright (Exif 2.32, section 4.6.4).
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS_FROM = 5  # from which on width and height change places


# Told width and height of the upright picture, how many times smaller it may be along each side.
Fit = Callable[[int, int], float]


class PictureError(WikiClipError):
    """A file that cannot become a picture. The message never repeats what the file holds.

    Attributes:
        code: the cause, stable from release to release.
    """

    def __init__(self, code: PictureCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """What is taken.

    Attributes:
        formats: the formats that are tried at all.
        max_pixels: width times height, looked up in the header before a pixel is decoded.
        max_bytes: of the file.
    """

    formats: tuple[FileFormat, ...] = FILE_FORMATS
    max_pixels: int = 50_000_000
    max_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        rgb: mode RGB, upright, transparency laid on white; `shrunk` times smaller than the file's, rounded up.
        opaque: [H, W], True where alpha is at least half; None where the whole picture is opaque.
        shrunk: 1, but for a JPEG that was asked for smaller.
        frame: width and height of the file's picture, upright, in which regions are told; None for those of `rgb`.
        shrinks: whether the file can be decoded smaller, as a JPEG can.
    """

    rgb: Image.Image
    opaque: Mask | None
    shrunk: int = 1
    frame: tuple[int, int] | None = None
    shrinks: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the file's picture."""
        return self.frame or self.rgb.size

    def shrink_for(self, fit: Fit) -> int:
        """How many times smaller `read_picture` makes the file's picture for another `fit`, which is asked."""
        return _shrink(fit, self.size) if self.shrinks else 1


def as_it_is(width: int, height: int) -> float:
    """Asks for every pixel."""
    return 1.0


def read_picture(source: bytes | Path, *, limits: PictureLimits = PictureLimits(), fit: Fit = as_it_is) -> Picture:
    """Decodes a picture; of an animation the first frame.

    What common viewers show whole is read: a file is known by its bytes, and its metadata and its end may be damaged or
    missing. Colour profiles are not applied. Of the ways in which a file may ask to be turned, only EXIF's Orientation
    is heard; broken EXIF is passed over, as viewers do.

    Args:
        fit: asked once the size is known and before a pixel is decoded. A JPEG that may be smaller is decoded smaller,
            which takes a third of the time. What it raises is raised.

    Raises:
        PictureError: its `code` is one of `PICTURE_CODES`.
    """
    data = _read(source, limits.max_bytes)
    file_format = sniff_format(data)
    if file_format is None or file_format not in limits.formats:
        raise PictureError("unsupported-image", f"The picture must be one of {', '.join(limits.formats)}.")
    try:
        file = open_header(data, file_format, max_pixels=limits.max_pixels)
        frame = _upright_size(file)
        shrinks = file_format == "JPEG"
        shrink = _shrink(fit, frame) if shrinks else 1
        image, alpha = decode(file, shrink=shrink)
    except TooManyPixelsError:
        raise PictureError("image-too-large", f"The picture may have at most {limits.max_pixels} pixels.") from None
    except ExcessError as error:
        raise PictureError("malformed-image", f"The {file_format} file holds {error}.") from None
    except BrokenFileError as error:
        raise PictureError("malformed-image", f"The {file_format} file is truncated or broken.") from error
    rgb = _to_rgb(image)
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, WHITE), alpha)
    turn = UPRIGHT.get(file.orientation or 0)
    if turn is not None:
        rgb, alpha = rgb.transpose(turn), alpha and alpha.transpose(turn)
    opaque = None if alpha is None else np.asarray(alpha) >= OPAQUE_FROM
    return Picture(rgb, opaque, shrink, frame if shrink > 1 else None, shrinks)


def _shrink(fit: Fit, frame: tuple[int, int]) -> int:
    may = min(fit(*frame), *frame)
    return next((shrink for shrink in SHRINKS if shrink <= may), 1)


def _upright_size(file: PictureFile) -> tuple[int, int]:
    width, height = file.image.size
    return (height, width) if (file.orientation or 0) >= SIDEWAYS_FROM else (width, height)


def _read(source: bytes | Path, max_bytes: int) -> bytes:
    """The bytes of the picture, never more than `max_bytes`."""
    if isinstance(source, Path):
        try:
            with open_regular(source) as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise PictureError("unreadable-image", f"The picture {source} cannot be read: {error.strerror}.") from error
    else:
        data = source
    if not data:
        raise PictureError("empty-image", "The picture has zero bytes.")
    if len(data) > max_bytes:
        raise PictureError("image-too-large", f"The picture may have at most {max_bytes} bytes.")
    return data


def _to_rgb(image: Image.Image) -> Image.Image:
    """Mode RGB, without regard to alpha."""
    if image.mode == "I;16":
        # PIL clamps 16-bit grey to 255. The high byte is what PIL itself keeps of 16-bit colour.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    # JPEG's CMYK is stored inverted, as Adobe does; PIL has put that right by now.
    return image.convert("RGB")
