"""A small picture stored in every way that a picture file knows, with what reading each must give."""

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.wikiclip.picture_files.made import png, saved
from wikiclip.pictures import Picture

WIDTH, HEIGHT = 48, 32
ORIENTATION = 0x0112


def plain_pixels() -> NDArray[np.uint8]:
    """Smooth, since JPEG is kind to that; and without symmetry, so that no turn goes unseen."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x * 5, y * 7, 255 - x * 2 - y * 3], axis=-1).astype(np.uint8)


PIXELS = plain_pixels()
GREY = np.asarray(Image.fromarray(PIXELS).convert("L"))
PLAIN = Image.fromarray(PIXELS)


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block.tobytes()


def close(picture: Picture, truth: NDArray[np.uint8], *, tolerance: float) -> bool:
    """Whether the mean difference to `truth` ([H, W, 3] or [H, W]) stays below the tolerance, in steps of 256."""
    assert picture.rgb.mode == "RGB"
    pixels = np.asarray(picture.rgb)
    truth = truth if truth.ndim == 3 else np.repeat(truth[..., None], 3, axis=-1)
    return pixels.shape == truth.shape and float(np.abs(pixels.astype(int) - truth).mean()) <= tolerance


ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
HOLE = np.zeros((HEIGHT, WIDTH), np.bool_)
HOLE[8:20, 10:30] = True


def sixteen_bits(samples: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return samples.astype(np.uint16) * 257


def sixteen_bit_png(samples: NDArray[np.uint8], colour: int, extra: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    rows = sixteen_bits(samples).astype(">u2").tobytes()
    return png(WIDTH, HEIGHT, depth=16, colour=colour, rows=rows, extra=extra)


def ycck_jpeg() -> bytes:
    """What Photoshop writes: inverted CMYK whose first three channels are stored as YCbCr (Adobe transform 2)."""
    ycc = np.asarray(Image.fromarray(255 - PIXELS).convert("YCbCr"))
    no_black = np.zeros((HEIGHT, WIDTH), np.uint8)
    # PIL inverts as it writes, and names the channels CMYK (transform 0).
    data = saved(Image.fromarray(np.dstack([255 - ycc, no_black]), "CMYK"), "JPEG", quality=95)
    marker = data.index(b"Adobe")
    return data[: marker + 11] + b"\2" + data[marker + 12 :]


# Opaque kinds: name -> (file, truth, tolerance).
def opaque_kinds() -> dict[str, tuple[bytes, NDArray[np.uint8], float]]:
    second = Image.fromarray(255 - PIXELS)
    few_colours = PLAIN.quantize(64)
    quantised = np.asarray(few_colours.convert("RGB"))
    black_and_white = Image.fromarray(GREY > 128)
    four_bits = np.packbits(np.unpackbits((GREY >> 4)[..., None], axis=-1)[..., 4:].ravel())
    return {
        "JPEG": (saved(PLAIN, "JPEG", quality=95), PIXELS, 2),
        "JPEG progressive": (saved(PLAIN, "JPEG", quality=95, progressive=True), PIXELS, 2),
        "JPEG grey": (saved(Image.fromarray(GREY), "JPEG", quality=95), GREY, 1),
        "JPEG CMYK": (saved(PLAIN.convert("CMYK"), "JPEG", quality=95), PIXELS, 2),
        "JPEG YCCK": (ycck_jpeg(), PIXELS, 3),
        "JPEG of several (MPO)": (saved(PLAIN, "MPO", quality=95, save_all=True, append_images=[second]), PIXELS, 2),
        "PNG": (saved(PLAIN), PIXELS, 0),
        "PNG grey": (saved(Image.fromarray(GREY)), GREY, 0),
        "PNG black and white": (saved(black_and_white), np.asarray(black_and_white.convert("L")), 0),
        "PNG of 4 bits": (png(WIDTH, HEIGHT, depth=4, colour=0, rows=four_bits.tobytes()), (GREY >> 4) * 17, 0),
        "PNG 16-bit grey": (saved(Image.fromarray(sixteen_bits(GREY))), GREY, 0),
        "PNG 16-bit colour": (sixteen_bit_png(PIXELS, 2), PIXELS, 0),
        "PNG palette": (saved(few_colours), quantised, 0),
        "PNG opaque alpha": (saved(Image.fromarray(np.dstack([PIXELS, np.full_like(GREY, 255)]))), PIXELS, 0),
        "PNG animated": (saved(PLAIN, save_all=True, append_images=[second]), PIXELS, 0),
        "GIF": (saved(few_colours, "GIF"), quantised, 0),
        "GIF grey": (saved(Image.fromarray(GREY), "GIF"), GREY, 0),
        "GIF animated": (saved(few_colours, "GIF", save_all=True, append_images=[second]), quantised, 0),
        "WebP": (saved(PLAIN, "WEBP", quality=95), PIXELS, 4),
        "WebP lossless": (saved(PLAIN, "WEBP", lossless=True), PIXELS, 0),
        "WebP animated": (saved(PLAIN, "WEBP", lossless=True, save_all=True, append_images=[second]), PIXELS, 0),
    }  # fmt: skip


def transparent_kinds() -> dict[str, tuple[bytes, NDArray[np.uint8], NDArray[np.uint8], float]]:
    """Name -> (file, pixels, alpha, tolerance)."""
    rgba = Image.fromarray(np.dstack([PIXELS, ALPHA]))
    numbers = np.where(HOLE, 3, 5).astype(np.uint8)
    palette = Image.fromarray(numbers).convert("P")
    palette.putpalette([number for index in range(8) for number in (index * 30, 250 - index * 30, 90)])
    colours = np.where(HOLE[..., None], (90, 160, 90), (150, 100, 90)).astype(np.uint8)
    holes = np.where(HOLE, 0, 255).astype(np.uint8)
    half = np.where(HOLE, 255, 100).astype(np.uint8)
    keyed = np.where(HOLE[..., None], (1, 2, 3), PIXELS).astype(np.uint8)
    keyed_grey = np.where(HOLE, 7, np.maximum(GREY, 8)).astype(np.uint8)
    second = Image.fromarray(255 - np.dstack([PIXELS, ALPHA]))
    two_bits = np.where(HOLE, 2, 1).astype(np.uint8)
    packed = np.packbits(np.unpackbits(two_bits[..., None], axis=-1)[..., 6:].ravel()).tobytes()
    return {
        "PNG colour and alpha": (saved(rgba), PIXELS, ALPHA, 1),
        "PNG grey and alpha": (saved(Image.fromarray(np.dstack([GREY, ALPHA]))), GREY, ALPHA, 1),
        "PNG 16-bit colour and alpha": (sixteen_bit_png(np.dstack([PIXELS, ALPHA]), 6), PIXELS, ALPHA, 1),
        "PNG 16-bit grey and alpha": (sixteen_bit_png(np.dstack([GREY, ALPHA]), 4), GREY, ALPHA, 1),
        "PNG palette, one clear": (saved(palette, transparency=3), colours, holes, 0),
        "PNG palette, alpha": (saved(palette, transparency=bytes([255, 255, 255, 255, 255, 100])), colours, half, 1),
        "PNG clear colour": (saved(Image.fromarray(keyed), transparency=(1, 2, 3)), keyed, holes, 0),
        "PNG clear grey": (saved(Image.fromarray(keyed_grey), transparency=7), keyed_grey, holes, 0),
        "PNG clear 16-bit grey": (
            sixteen_bit_png(keyed_grey, 0, ((b"tRNS", struct.pack(">H", 7 * 257)),)), keyed_grey, holes, 0
        ),
        "PNG clear 16-bit colour": (
            sixteen_bit_png(keyed, 2, ((b"tRNS", struct.pack(">HHH", 257, 2 * 257, 3 * 257)),)), keyed, holes, 0
        ),
        "PNG clear grey of 2 bits": (
            png(WIDTH, HEIGHT, depth=2, colour=0, rows=packed, extra=((b"tRNS", b"\0\2"),)), two_bits * 85, holes, 0
        ),
        "PNG clear black": (saved(Image.fromarray(~HOLE), transparency=0), holes, holes, 0),
        "GIF, one clear": (saved(palette, "GIF", transparency=3), colours, holes, 0),
        "WebP alpha": (saved(rgba, "WEBP", quality=95), PIXELS, ALPHA, 4),
        "WebP lossless alpha": (saved(rgba, "WEBP", lossless=True), PIXELS, ALPHA, 1),
        "WebP animated alpha": (
            saved(rgba, "WEBP", lossless=True, save_all=True, append_images=[second]), PIXELS, ALPHA, 1
        ),
    }  # fmt: skip


OPAQUE, TRANSPARENT = opaque_kinds(), transparent_kinds()
