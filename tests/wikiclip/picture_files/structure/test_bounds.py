"""Files that hold too much of something are refused before they cost anything, or read without it."""

import io
import struct
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tests.wikiclip.picture_files.kinds import HEIGHT, PIXELS, PLAIN, WIDTH, close, exif
from tests.wikiclip.picture_files.made import png, png_chunk, saved
from wikiclip.picture_files.structure import gif, jpeg, webp
from wikiclip.picture_files.structure import png as png_structure
from wikiclip.pictures import PictureError, read_picture
from wikiclip.regions.decode import decode_png_mask
from wikiclip.regions.region import RegionError

MEGABYTE = 2**20
JPEG, PNG, GIF = saved(PLAIN, "JPEG", quality=95), saved(PLAIN), saved(PLAIN.quantize(64), "GIF")
PROGRESSIVE = saved(PLAIN, "JPEG", quality=95, progressive=True)
WEBP = saved(PLAIN, "WEBP", lossless=True, exif=exif(1))
EMPTY_SCAN = b"\xff\xda" + struct.pack(">HBBB", 8, 1, 1, 0) + bytes([1, 63, 0x10])


def segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def jpeg_with(*segments: bytes, at: int = 2) -> bytes:
    return JPEG[:at] + b"".join(segments) + JPEG[at:]


def png_with(*chunks: bytes) -> bytes:
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def gif_with(extensions: bytes) -> bytes:
    at = GIF.index(b",\0\0\0\0")
    return GIF[:at] + extensions + GIF[at:]


def webp_with(chunk: bytes, count: int) -> bytes:
    body = WEBP[12:30] + chunk * count + WEBP[30:]
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


TOO_MUCH: dict[str, tuple[Callable[[], bytes], str]] = {
    "scans": (lambda: PROGRESSIVE[:-2] + EMPTY_SCAN * 10_774 + PROGRESSIVE[-2:], "256 scans"),
    "scans x pixels": (
        lambda: saved(Image.new("RGB", (4000, 3000)), "JPEG", progressive=True)[:-2] + EMPTY_SCAN * 150 + b"\xff\xd9",
        "scans of so many pixels",
    ),
    "EXIF segments": (lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(8)) * (5 * MEGABYTE // 18)), "4096 segments"),
    "comments": (lambda: jpeg_with(segment(0xFE, b"") * (5 * MEGABYTE)), "4096 segments"),
    "large tables": (lambda: jpeg_with(*[segment(0xDB, (b"\0" + b"\1" * 64) * 1000)] * 300), "bytes of tables"),
    "chunks": (lambda: png_with(png_chunk(b"tEXt", b"") * (20 * MEGABYTE // 12)), "65536 chunks"),
    "chunks of pixels": (lambda: png_with(png_chunk(b"IDAT", b"") * (20 * MEGABYTE // 12)), "65536 chunks"),
    "blocks": (lambda: gif_with(b"!\xfe" + b"\1a" * (10 * MEGABYTE) + b"\0"), "65536 blocks"),
    "extensions": (lambda: gif_with(b"!\x01\0" * (7 * MEGABYTE)), "65536 blocks"),
    "WebP chunks": (lambda: webp_with(b"abcd\0\0\0\0", 20 * MEGABYTE // 8), "65536 chunks"),
}

AT_MOST_S = 1.0  # of a core, beyond what a picture's pixels take: what docs/security.md promises


def seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_too_much_of_anything_is_named_and_refused_at_once(kind: str) -> None:
    make, what = TOO_MUCH[kind]
    data = make()

    def refused() -> None:
        with pytest.raises(PictureError, match=f"file holds more than .*{what}") as caught:
            read_picture(data)
        assert caught.value.code == "malformed-image"

    assert seconds(refused) < AT_MOST_S


HEAVY_EXIF = b"II*\0\x08\0\0\0\xff\xff" + b"".join(
    struct.pack("<HHII", tag, 7, MEGABYTE, 8 + 2 + 65_535 * 12 + 4) for tag in range(1, 65_536)
)
BURDENED: dict[str, Callable[[], bytes]] = {
    "fill bytes in the header": lambda: jpeg_with(b"\xff" * (20 * MEGABYTE)),
    "fill bytes behind the scan": lambda: JPEG[:-2] + b"\xff" * (20 * MEGABYTE) + JPEG[-2:],
    "junk in the header": lambda: jpeg_with(bytes(20 * MEGABYTE), at=20),
    "stuffed zeros in the header": lambda: jpeg_with(b"\xff\0" * (10 * MEGABYTE), at=20),
    "profiles": lambda: png_with(png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(MEGABYTE))) * 15_000),
    "tags that all mean the same bytes": lambda: png_with(png_chunk(b"eXIf", HEAVY_EXIF + bytes(4 + MEGABYTE))),
    "a directory that leads back to itself": lambda: png_with(png_chunk(b"eXIf", exif(1)[6:-4] + b"\0\0\0\x08")),
    "further frames": lambda: GIF[:-1] + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0" * MEGABYTE + b";",
}


@pytest.mark.parametrize("kind", BURDENED)
def test_what_shows_nothing_costs_next_to_nothing(kind: str) -> None:
    data = BURDENED[kind]()
    assert seconds(lambda: read_picture(data)) < AT_MOST_S
    assert close(read_picture(data), PIXELS, tolerance=12)  # a GIF has but 64 of the colours


def test_masks_are_bounded_like_pictures() -> None:
    bomb = png_with(png_chunk(b"tEXt", b"") * 70_000)
    with pytest.raises(RegionError, match="holds more than 65536 chunks") as caught:
        decode_png_mask(bomb, height=HEIGHT, width=WIDTH)
    assert caught.value.code == "malformed-png"


# What must stay within the bounds


def test_a_camera_file_of_many_full_segments_is_read_and_turned() -> None:
    extended = b"http://ns.adobe.com/xmp/extension/\0"
    metadata = [segment(0xE1, exif(6)), *[segment(0xE1, extended + bytes(65_000))] * 200]
    profile = [segment(0xE2, b"ICC_PROFILE\0" + bytes([part, 200]) + bytes(65_000)) for part in range(1, 201)]
    picture = read_picture(jpeg_with(*metadata, *profile))
    assert picture.rgb.size == (HEIGHT, WIDTH)


def test_careful_progressive_scripts_are_read() -> None:
    # mozjpeg's and jpegtran's are a few dozen scans; here each coefficient has its own, and all stay where they were.
    per_coefficient = b"".join(
        b"\xff\xda" + struct.pack(">HBBB", 8, 1, component, 0) + bytes([k, k, 0x10])
        for component in (1, 2, 3)
        for k in range(1, 64)
    )
    picture = read_picture(PROGRESSIVE[:-2] + per_coefficient + PROGRESSIVE[-2:])
    assert close(picture, PIXELS, tolerance=2)


@pytest.mark.parametrize("size", [(7000, 7000), (64, 64)])
def test_usual_progressive_pictures_of_any_size_are_read(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (90, 120, 30))
    for options in ({"subsampling": 0}, {"subsampling": 2}):
        lean = jpeg.lean_jpeg(saved(image, "JPEG", progressive=True, **options))
        assert Image.open(io.BytesIO(lean.data)).size == size
    jpeg.lean_jpeg(saved(image.convert("CMYK"), "JPEG", progressive=True))


def test_pixels_in_chunks_of_one_byte_are_read() -> None:
    rows = np.full((9, 9), 7, np.uint8).tobytes()
    whole = png(9, 9, depth=8, colour=0, rows=rows)
    at = whole.index(b"IDAT")
    length = int.from_bytes(whole[at - 4 : at], "big")
    single = b"".join(png_chunk(b"IDAT", whole[i : i + 1]) for i in range(at + 4, at + 4 + length))
    assert read_picture(whole[: at - 4] + single + whole[-12:]).rgb.getextrema() == ((7, 7),) * 3


def test_the_bounds_leave_room_for_a_full_file() -> None:
    assert jpeg.MOST_SEGMENTS * 65_535 > 4 * 32 * MEGABYTE
    assert png_structure.MOST_CHUNKS * 512 >= 32 * MEGABYTE
    assert gif.MOST_BLOCKS * 255 > 15 * MEGABYTE
    assert webp.MOST_CHUNKS > 30 * 60 * 30
