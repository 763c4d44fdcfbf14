"""Picture files that are small and slow: parts without end, parts that mean the same bytes, and very many pixels."""

import base64
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.hostile.bodies import NOWHERE
from benchmarks.hostile.bombs.bomb import MEGABYTE, Throw, asking, of_picture
from benchmarks.hostile.case import Case
from benchmarks.hostile.mutations import png_of
from benchmarks.hostile.pictures import BOMB_SIDE, blank_png, saved

SIDE = 256
MOST = 19 * MEGABYTE  # of a file, which may have 20


def _jpeg(side: int = SIDE, **options: Any) -> bytes:
    return saved(Image.new("RGB", (side, side), (90, 120, 30)), "JPEG", **options)


def _behind_start(*segments: bytes) -> bytes:
    """A JPEG with more behind its first marker."""
    file = _jpeg()
    return file[:2] + b"".join(segments) + file[2:]


def _segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def _with_scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose further scans refine coefficients and hold nothing."""
    scan = _segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10]))
    return _jpeg(side, progressive=True, subsampling=0)[:-2] + scan * count + b"\xff\xd9"


def _with_chunks(name: bytes, content: bytes, count: int, kind: str = "PNG") -> bytes:
    """A PNG with the same chunk many times, before its pixels."""
    file = saved(Image.new("L", (SIDE, SIDE), 90), kind)
    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return file[:33] + chunk * count + file[33:]


def _exif(entries: int, size: int, following: int = 0) -> bytes:
    """A directory whose tags all mean the same bytes, behind it; `following` is where the next one is said to be."""
    behind = 8 + 2 + entries * 12 + 4
    tags = b"".join(struct.pack("<HHII", tag, 7, size, behind) for tag in range(1, entries + 1))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + tags + struct.pack("<I", following) + bytes(size)


def _gif(before: bytes = b"", behind: bytes = b"") -> bytes:
    file = saved(Image.new("L", (SIDE, SIDE), 90), "GIF")
    at = file.index(b",\0\0\0\0")
    return file[:at] + before + file[at:-1] + behind + b";"


def _webp(chunk: bytes, count: int) -> bytes:
    """An extended WebP with the same chunk many times, before its picture."""
    file = saved(Image.new("RGB", (SIDE, SIDE), (90, 120, 30)), "WEBP", icc_profile=b"x" * 8)
    body = file[12:30] + chunk * count + file[30:]
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def _noisy() -> Image.Image:
    """As many pixels as the service takes, none of them plain."""
    small = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)
    return Image.fromarray(small).resize((BOMB_SIDE, BOMB_SIDE), Image.Resampling.BILINEAR)


def _noisy_jpeg(*, progressive: bool) -> bytes:
    return saved(_noisy(), "JPEG", progressive=progressive)


def _deep_png() -> bytes:
    """16-bit colour and alpha: eight bytes of zeros a pixel."""
    deflate, row = zlib.compressobj(1), bytes(1 + BOMB_SIDE * 8)
    pixels = b"".join([*(deflate.compress(row) for _ in range(BOMB_SIDE)), deflate.flush()])
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 16, 6, 0, 0, 0)
    return png_of([(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")])


def _profiles() -> bytes:
    return _with_chunks(b"iCCP", b"p\0\0" + zlib.compress(bytes(MEGABYTE)), 15_000)


def _large_masks() -> Case:
    """As many as may be asked about at once of the largest picture."""
    white = saved(Image.new("RGB", (BOMB_SIDE, BOMB_SIDE), "white"), "PNG")
    mask = {"png": base64.b64encode(white).decode()}
    return of_picture(saved(Image.new("L", (BOMB_SIDE, BOMB_SIDE), 90), "JPEG"), regions=[*[mask] * 4, NOWHERE])


def _profiled_mask() -> Case:
    mask = {"png": base64.b64encode(_profiles()).decode()}
    return of_picture(_jpeg(), regions=[mask, NOWHERE])


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG, 10,774 empty scans": lambda: _with_scans(3000, 10_774),
    "JPEG, 240 empty scans of 49 megapixels": lambda: _with_scans(BOMB_SIDE, 240),
    "JPEG, EXIF in small segments": lambda: _behind_start(
        *[_segment(0xE1, b"Exif\0\0" + bytes(8))] * (5 * MEGABYTE // 18)
    ),
    "JPEG, comments of no length": lambda: _behind_start(_segment(0xFE, b"") * (4 * MEGABYTE)),
    "JPEG, fill bytes in the header": lambda: _behind_start(b"\xff" * MOST),
    "JPEG, fill bytes behind the scan": lambda: _jpeg()[:-2] + b"\xff" * MOST + b"\xff\xd9",
    "JPEG, fill bytes before zeros": lambda: _jpeg()[:-2] + b"\xff\xff\0" * (MOST // 3) + b"\xff\xd9",
    "JPEG, bytes of nothing in the header": lambda: _behind_start(b"\xff\xe0\0\x02", bytes(MOST)),
    "JPEG, quantisation tables": lambda: _behind_start(_segment(0xDB, (b"\0" + b"\1" * 64) * 1000) * 300),
    "PNG, 15,000 profiles": _profiles,
    "PNG, chunks of no length": lambda: _with_chunks(b"tEXt", b"", MOST // 12),
    "PNG, pixels of no length": lambda: _with_chunks(b"IDAT", b"", MOST // 12),
    "PNG, EXIF of 65,535 tags of the same 2 MB": lambda: _with_chunks(b"eXIf", _exif(65_535, 2 * MEGABYTE), 1),
    "PNG, EXIF that leads back to itself": lambda: _with_chunks(b"eXIf", _exif(9, 8, following=8), 1),
    "GIF, comments of a byte": lambda: _gif(before=b"!\xfe" + b"\1a" * (MOST // 2) + b"\0"),
    "GIF, extensions of no length": lambda: _gif(before=b"!\x01\0" * (MOST // 3)),
    "GIF, frames of a byte": lambda: _gif(behind=b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0" * (MOST // 15)),
    "WebP, chunks of no length": lambda: _webp(b"abcd\0\0\0\0", MOST // 8),
    "JPEG of 49 megapixels": partial(_noisy_jpeg, progressive=False),
    "the same without its end": lambda: _noisy_jpeg(progressive=False)[:-2],
    "the same, cut in the middle": lambda: _noisy_jpeg(progressive=False)[: 3 * MEGABYTE],
    "progressive JPEG of 49 megapixels": partial(_noisy_jpeg, progressive=True),
    "the progressive one without its end": lambda: _noisy_jpeg(progressive=True)[:-2],
    "PNG of 49 megapixels": lambda: blank_png(BOMB_SIDE, BOMB_SIDE, colour=2),
    "PNG of 49 megapixels, 16-bit colour and alpha": _deep_png,
    "WebP of 49 megapixels": lambda: saved(_noisy(), "WEBP", quality=0, method=0),
    "GIF of 49 megapixels": lambda: saved(Image.new("L", (BOMB_SIDE, BOMB_SIDE), 90), "GIF"),
}


def _reading(make: Callable[[], bytes]) -> Throw:
    """The region lies outside, so that nothing but the picture is read: `outside-picture` says that it was."""
    return asking(lambda: of_picture(make(), region=NOWHERE))


PICTURE_BOMBS: dict[str, Throw] = {
    **{name: _reading(make) for name, make in FILES.items()},
    "PNG mask, 15,000 profiles": asking(_profiled_mask),
    "4 PNG masks of 49 megapixels": asking(_large_masks),
}
