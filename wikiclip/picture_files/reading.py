"""Opens picture files of a few formats with PIL, in a way that files from strangers cannot abuse."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np
from PIL import Image, ImageChops
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from wikiclip.base.regular_files import open_regular
from wikiclip.picture_files.structure.gif import lean_gif
from wikiclip.picture_files.structure.jpeg import lean_jpeg
from wikiclip.picture_files.structure.lean import Box, BrokenFileError, LeanFile
from wikiclip.picture_files.structure.png import lean_png
from wikiclip.picture_files.structure.webp import lean_webp

FileFormat = Literal["JPEG", "PNG", "WEBP", "GIF"]
FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

# Called directly and not through `Image.open`, which measures pictures against a process-wide limit and warns or raises
# by it before ours is asked, and which lets an index of further pictures (MPO) in a JPEG decide whether it can be read.
READERS: dict[FileFormat, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
}
WALKS: dict[FileFormat, Callable[[bytes], LeanFile]] = {
    "JPEG": lean_jpeg,
    "PNG": lean_png,
    "WEBP": lean_webp,
    "GIF": lean_gif,
}

# What PIL's readers of these formats raise on broken files: OSError covers truncation and most decoder faults,
# SyntaxError is their "not such a file", ValueError and the rest are faults inside chunks.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error)
TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)

# Grey samples of fewer than 8 bits are spread over 0 to 255 as they are read, the transparent one of tRNS is not.
SPREAD = {"L;2": 85, "L;4": 17}

SHRINKS = 8, 4, 2, 1  # what libjpeg can do: the rest of 8 frequencies is not computed

# At once: so many lie in the processor's cache, and other threads run in between.
PIXELS_COMPARED = 65_536


class TooManyPixelsError(Exception):
    """The header tells of more pixels than allowed. Nothing was decoded."""


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """A picture with its size known and no pixel decoded.

    Attributes:
        orientation, frame, twin: as in `LeanFile`.
    """

    image: ImageFile
    orientation: int | None
    frame: Box | None
    twin: bytes | None


def sniff_format(data: bytes) -> FileFormat | None:
    """The format that the first bytes announce, None where it is none of those known here."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "WEBP" if data.startswith(b"RIFF") and data[8:12] == b"WEBP" else None


def media_type(path: Path) -> str | None:
    """As `media_type_of`; None for a file that cannot be read, too."""
    try:
        with open_regular(path) as file:
            return media_type_of(file)
    except OSError:
        return None


def media_type_of(file: BinaryIO) -> str | None:
    """The media type of a picture that a browser shows without running anything, decided by its first bytes and not by
    its name; None for any other file. Reads those bytes."""
    found = sniff_format(file.read(12))
    return None if found is None else f"image/{found.lower()}"


def open_header(data: bytes, file_format: FileFormat, *, max_pixels: int) -> PictureFile:
    """The picture with its size known and no pixel decoded; `decode` does the rest.

    PIL sees no more of the file than what shows the picture.

    Raises:
        BrokenFileError: the header is broken, or the file holds more of something than any picture has a use for.
        TooManyPixelsError: the size is past `max_pixels`.
    """
    _check_size(_declared_size(data, file_format), max_pixels)
    lean = WALKS[file_format](data)
    _check_size(_declared_size(lean.data, file_format), max_pixels)  # another part stood where the size is looked for
    image = _open(lean.data, file_format)
    _check_size(image.size, max_pixels)
    return PictureFile(image=image, orientation=lean.orientation, frame=lean.frame, twin=lean.twin)


def decode(file: PictureFile, *, shrink: int = 1) -> tuple[Image.Image, Image.Image | None]:
    """Decodes the first frame.

    Args:
        shrink: of `SHRINKS`; makes a JPEG so many times smaller along each side, rounded up. libjpeg does not compute
            what is left out then.

    Returns:
        The picture in the mode it is stored in, an alpha channel included, and alpha (mode L) where there is any, be it
        a channel, a palette with alpha, one colour that stands for transparent or a canvas larger than the frame.

    Raises:
        BrokenFileError: the file is truncated or its pixels cannot be decoded.
    """
    # PIL forgets how the samples were stored once it has read them.
    stored = file.image.tile[0].args if file.image.tile else None
    _load(file.image, shrink)
    if file.twin is not None:
        _compare(file.image, file.twin, shrink)
    image, alpha = _with_alpha(file.image, stored)
    if file.frame is not None:
        shown = Image.new("L", image.size, 0)
        shown.paste(255 if alpha is None else alpha.crop(file.frame), file.frame)
        alpha = shown
    return image, alpha


def _declared_size(data: bytes, file_format: FileFormat) -> tuple[int, int] | None:
    """Width and height where a format has them at a fixed place, so that no more of a file is looked at that is too
    large; None where it has not, or the place holds something else."""
    if file_format == "WEBP":
        return _webp_canvas(data)
    if file_format == "PNG" and data[12:16] == b"IHDR" and len(data) >= 24:
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if file_format == "GIF" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return None


def _open(data: bytes, file_format: FileFormat) -> ImageFile:
    try:
        return READERS[file_format](io.BytesIO(data))
    except TOO_LARGE as error:
        raise TooManyPixelsError from error
    except BROKEN as error:
        raise BrokenFileError from error


def _load(image: ImageFile, shrink: int) -> None:
    try:
        if shrink > 1 and isinstance(image, JpegImageFile):
            image.draft(None, (image.width // shrink, image.height // shrink))
        image.load()
    except BROKEN as error:
        raise BrokenFileError from error


def _compare(image: ImageFile, twin: bytes, shrink: int) -> None:
    """Raises BrokenFileError where the JPEG file `twin` shows anything else than the picture: then some of it was made
    up of what stands behind the last byte."""
    other = _open(twin, "JPEG")
    _load(other, shrink)
    height = max(1, PIXELS_COMPARED // image.width)
    for top in range(0, image.height, height):
        rows = (0, top, image.width, min(top + height, image.height))
        if ImageChops.difference(image.crop(rows), other.crop(rows)).getbbox() is not None:
            raise BrokenFileError


def _with_alpha(image: ImageFile, stored: object) -> tuple[Image.Image, Image.Image | None]:
    """The picture and its alpha, as `decode` returns them, without regard to its canvas."""
    if image.mode == "P" and "transparency" in image.info:
        rgba = image.convert("RGBA")
        return rgba, rgba.getchannel("A")
    if image.mode in ("LA", "RGBA"):
        return image, image.getchannel("A")
    # Taken out, so that no later conversion applies the colour again, in a sense of its own.
    key = image.info.pop("transparency", None)
    return image, None if key is None else _alpha_of_key(image, key, stored)


def _alpha_of_key(image: Image.Image, key: int | tuple[int, ...], stored: object) -> Image.Image:
    """Alpha (mode L) of a picture in which the one colour `key`, as the file has it, is transparent."""
    samples = np.asarray(image)  # [H, W] or [H, W, 3]
    if isinstance(key, tuple):
        # PIL keeps the high byte of 16-bit colour, so shades that share it become transparent together.
        key_samples = np.array([value >> 8 if stored == "RGB;16B" else value for value in key])
        clear = (samples == key_samples).all(axis=-1)
    elif image.mode == "1":
        clear = samples == (key != 0)
    else:
        clear = samples == key * SPREAD.get(str(stored), 1)
    return Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))


def _check_size(size: tuple[int, int] | None, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise TooManyPixelsError


def _webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height in a WebP header, None where it has none. (RFC 9649, sections 2.5 to 2.7.)

    PIL's WebP reader allocates the canvas as it opens a file, so its own answer would come too late.
    """
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and len(data) >= 30:
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None
