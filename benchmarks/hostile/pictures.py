"""Hostile picture files: real ones of every kind, broken in small ways, and some that are larger than they look."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st
from PIL import Image, ImageDraw

from benchmarks.hostile.case import MARK
from benchmarks.hostile.mutations import Draw, disordered, mutated, png_of

WIDTH, HEIGHT = 48, 32
ORIENTATION = 0x0112
BOMB_SIDE = 7000  # its square is just what the service takes
SIDES = (0, 1, 48, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

NO_PICTURES = (
    b"",
    b"\0",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\xff\xff\xff\xffWEBP",
    b"RIFF\0\0\0\0WEBPVP8X",
    f"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/{MARK}'/></svg>".encode(),
    f"%PDF-1.7 {MARK}".encode(),
    f"#!/bin/sh\necho {MARK}".encode(),
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    b"push graphic-context\nfill 'url(https://127.0.0.1/)'\npop graphic-context",
)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of an image."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _scene(mode: str = "RGB") -> Image.Image:
    image = Image.effect_noise((WIDTH, HEIGHT), 40).convert("RGB")
    ImageDraw.Draw(image).ellipse((6, 4, 29, 27), fill=(235, 130, 20))
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image.convert(mode)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010E] = MARK
    return exif


@cache
def readable() -> tuple[bytes, ...]:
    """Files that the service reads: the formats in the modes, orientations and numbers of frames that they have."""
    frames = {"save_all": True, "append_images": [_scene(), _scene()], "duration": 40}
    files = [saved(_scene(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]
    files += [saved(_scene(mode), "JPEG") for mode in ("L", "RGB", "CMYK")]
    files += [saved(_scene(), "JPEG", progressive=True, icc_profile=b"\0" * 200, comment=MARK)]
    files += [saved(_scene(), "JPEG", exif=_exif(turn)) for turn in (*range(10), 65535)]
    files += [saved(_scene(), "PNG", exif=_exif(6)), saved(_scene("P"), "PNG", transparency=3, bits=4)]
    files += [saved(_scene("RGBA"), "WEBP", lossless=lossless) for lossless in (True, False)]
    files += [saved(_scene(), "WEBP", exif=_exif(8)), saved(_scene("P"), "GIF", transparency=1, comment=MARK)]
    files += [saved(_scene(), kind, **frames) for kind in ("GIF", "WEBP", "PNG")]
    files += [saved(Image.new("RGB", size, (9, 9, 9)), "PNG") for size in ((1, 1), (1, 300), (300, 1))]
    return tuple(files)


@cache
def masks() -> tuple[bytes, ...]:
    """PNG masks of the size of the scene."""
    grey = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(grey).ellipse((6, 4, 29, 27), fill=255)
    cut_out = _scene("RGBA")
    cut_out.putalpha(grey)
    return tuple(saved(image, "PNG") for image in (grey, grey.convert("1"), grey.convert("P"), cut_out))


@cache
def foreign() -> tuple[bytes, ...]:
    """Pictures of formats that the service does not read."""
    kinds = ("BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "ICNS", "JPEG2000", "AVIF", "PDF", "EPS", "SGI", "DDS", "MPO")
    return tuple(saved(_scene(), kind) for kind in kinds)


def _grey() -> Image.Image:
    return Image.new("L", (BOMB_SIDE, BOMB_SIDE), 90)


def _with_chunk(name: bytes, before: bytes) -> bytes:
    """A small PNG with a chunk that inflates to a hundred million bytes."""
    header = (b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0))
    return png_of([header, (name, before + zlib.compress(bytes(100_000_000), 9)), (b"IEND", b"")])


# Small files of many pixels, and of much text; each takes a second to make, so once for all.
BOMBS: dict[str, Callable[[], bytes]] = {
    name: cache(make)
    for name, make in {
        "colour": lambda: blank_png(BOMB_SIDE, BOMB_SIDE, colour=2),
        "transparent": lambda: blank_png(BOMB_SIDE, BOMB_SIDE, colour=6),
        "too large": lambda: blank_png(BOMB_SIDE + 100, BOMB_SIDE + 100, colour=0),
        "progressive": lambda: saved(_grey(), "JPEG", progressive=True),
        "gif": lambda: saved(_grey(), "GIF"),
        "webp": lambda: saved(_grey(), "WEBP", quality=0, method=0),
        "text": lambda: _with_chunk(b"zTXt", f"{MARK}\0\0".encode()),
        "profile": lambda: _with_chunk(b"iCCP", b"x\0\0"),
        "pixels": lambda: _with_chunk(b"IDAT", b""),
    }.items()
}


def blank_png(width: int, height: int, *, colour: int) -> bytes:
    """A PNG of 8-bit zeros, made without its pixels ever lying in memory; of colour type 6 they are transparent."""
    deflate, row = zlib.compressobj(9), bytes(1 + width * {0: 1, 2: 3, 6: 4}[colour])
    pixels = b"".join([*(deflate.compress(row) for _ in range(height)), deflate.flush()])
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return png_of([(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")])


@st.composite
def promises(draw: Draw) -> bytes:
    """Headers of sizes that the rest of the file does not keep."""
    sides = st.sampled_from(SIDES) | st.integers(0, 2**32 - 1)
    width, height = draw(sides), draw(sides)
    match draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"])):
        case "PNG":
            depth, colour, interlace = draw(st.tuples(*[st.integers(0, 20)] * 3))
            header = (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
            return png_of([header, (b"IDAT", zlib.compress(bytes(draw(st.integers(0, 5000))))), (b"IEND", b"")])
        case "JPEG":
            file = bytearray(readable()[8])
            at = file.index(b"\xff\xc0") + 5
            file[at : at + 4] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
            return bytes(file)
        case "GIF":
            return b"GIF89a" + struct.pack("<HH", width & 0xFFFF, height & 0xFFFF) + draw(st.binary(max_size=60))
        case _:
            sides_of_webp = (width & 0xFFFFFF).to_bytes(3, "little") + (height & 0xFFFFFF).to_bytes(3, "little")
            chunk = bytes([draw(st.integers(0, 255)), 0, 0, 0]) + sides_of_webp
            return b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0" + chunk + draw(st.binary(max_size=60))


def picture_files() -> st.SearchStrategy[bytes]:
    """Mostly small files, so that most of the work is reading them; one in a few hundred is a bomb."""
    return st.integers(0, 299).flatmap(_files)


def _files(number: int) -> st.SearchStrategy[bytes]:
    if number == 299:
        return st.sampled_from(sorted(BOMBS)).map(lambda name: BOMBS[name]())
    if number < 15:
        return st.sampled_from(readable())
    if number < 30:
        return st.sampled_from(NO_PICTURES) | st.sampled_from(foreign()) | st.binary(max_size=200)
    if number < 70:
        return promises()
    return disordered(readable()) if number < 190 else mutated(readable())
