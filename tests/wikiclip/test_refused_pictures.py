"""Pictures that are refused: too large, of no known format, cut off or damaged."""

import os
import random
import struct
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.WebPImagePlugin import WebPImageFile

from tests.wikiclip.picture_files.kinds import GREY, HEIGHT, OPAQUE, PIXELS, PLAIN, TRANSPARENT, WIDTH, close, exif
from tests.wikiclip.picture_files.made import png, png_chunk, saved, with_right_checksums
from wikiclip.picture_files.reading import READERS, media_type
from wikiclip.pictures import PICTURE_CODES, Picture, PictureError, PictureLimits, read_picture

DEFAULT = PictureLimits()


def outcome(source: bytes | Path, limits: PictureLimits = DEFAULT) -> Picture | PictureError:
    try:
        return read_picture(source, limits=limits)
    except PictureError as error:
        return error


def code_of(source: bytes | Path, limits: PictureLimits = DEFAULT) -> str | None:
    """The code a source is refused with, None where it is a picture."""
    result = outcome(source, limits)
    return result.code if isinstance(result, PictureError) else None


def vp8x(width: int, height: int) -> bytes:
    """An extended WebP of a canvas that holds nothing."""
    chunk = bytes([0x02, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + len(chunk).to_bytes(4, "little") + chunk + b"ANIM\6\0\0\0\0\0\0\0\0\0"
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def webp_with_late_canvas(width: int, height: int) -> bytes:
    """An animated WebP whose header stands behind another chunk and tells of another canvas than its frames fill."""
    file = saved(PLAIN, "WEBP", save_all=True, append_images=[PLAIN.rotate(180)])
    assert file[12:16] == b"VP8X"
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return file[:12] + b"abcd\0\0\0\0" + file[12:24] + size + file[30:]


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose header tells of another size than it holds."""
    data = saved(PLAIN, "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def gif_with_frame(width: int, height: int) -> bytes:
    """A GIF that announces one pixel and holds a larger frame, to which PIL would enlarge it."""
    data = bytearray(saved(Image.fromarray(GREY), "GIF"))
    data[6:10] = struct.pack("<HH", 1, 1)
    at = data.index(b",\0\0\0\0") + 5
    data[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(data)


HUGE = {
    "PNG": png(50_000, 50_000, depth=8, colour=2, rows=bytes(150_000)),
    "PNG between PIL's warning and its error": png(10_000, 10_000, depth=8, colour=2, rows=bytes(30_000)),
    "PNG of the largest numbers": png(2**31 - 1, 2**31 - 1, depth=1, colour=0, rows=b""),
    "JPEG": jpeg_of_size(65_000, 65_000),
    "JPEG between PIL's warning and its error": jpeg_of_size(10_000, 10_000),
    "GIF": saved(Image.new("L", (1, 1)), "GIF").replace(b"\x01\x00\x01\x00", b"\xff\xff\xff\xff", 1),
    "GIF by its frame": gif_with_frame(65_000, 65_000),
    "GIF by a smaller frame": gif_with_frame(8_000, 8_000),
    "WebP": saved(PLAIN, "WEBP", lossless=True)[:21] + b"\xff\xff\xff\x0f" + saved(PLAIN, "WEBP", lossless=True)[25:],
    "WebP by its canvas": vp8x(2**24, 2**7),
    "WebP of the largest canvas": vp8x(2**24, 2**24),
    "WebP by a canvas behind another chunk": webp_with_late_canvas(2**24, 2**24),
}


@pytest.mark.parametrize("kind", HUGE)
def test_too_many_pixels_are_refused_by_the_header_and_without_warnings(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert code_of(HUGE[kind]) == "image-too-large"


def test_a_canvas_is_measured_before_pil_reserves_memory_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = list[BytesIO]()
    monkeypatch.setitem(READERS, "WEBP", lambda file: opened.append(file) or WebPImageFile(file))
    assert code_of(webp_with_late_canvas(7_000, 7_000)) is None
    assert len(opened) == 1
    assert code_of(webp_with_late_canvas(13_000, 13_000)) == "image-too-large"
    assert len(opened) == 1


def test_pixels_and_bytes_are_allowed_up_to_the_limit() -> None:
    data = saved(PLAIN)
    assert code_of(data, PictureLimits(max_pixels=WIDTH * HEIGHT, max_bytes=len(data))) is None
    assert code_of(data, PictureLimits(max_pixels=WIDTH * HEIGHT - 1)) == "image-too-large"
    assert code_of(data, PictureLimits(max_bytes=len(data) - 1)) == "image-too-large"
    webp = saved(PLAIN, "WEBP")
    assert code_of(webp, PictureLimits(max_pixels=WIDTH * HEIGHT)) is None
    assert code_of(webp, PictureLimits(max_pixels=WIDTH * HEIGHT - 1)) == "image-too-large"


@pytest.mark.parametrize("file_format", ["TIFF", "BMP", "ICO", "PPM", "TGA", "JPEG2000", "PDF", "EPS"])
def test_formats_that_are_not_named_are_refused(file_format: str) -> None:
    assert code_of(saved(PLAIN, file_format)) == "unsupported-image"


def test_limits_narrow_the_formats() -> None:
    only_png = PictureLimits(formats=("PNG",))
    assert code_of(saved(PLAIN), only_png) is None
    assert code_of(saved(PLAIN, "JPEG"), only_png) == "unsupported-image"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-image"),
        (b"\0", "unsupported-image"),
        (b"This is a text file, not a picture.\n" * 20, "unsupported-image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported-image"),
        (b"RIFF\0\0\0\0WAVEfmt ", "unsupported-image"),
        (b"\x89PNG\r\n\x1a\n", "malformed-image"),
        (b"\xff\xd8\xff", "malformed-image"),
        (b"\xff\xd8\xff\xd9", "malformed-image"),
        (b"GIF89a", "malformed-image"),
        (b"RIFF\0\0\0\0WEBP", "malformed-image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "malformed-image"),
        (b"\x89PNG\r\n\x1a\n" + b"text " * 50, "malformed-image"),
        (png(0, 5, depth=8, colour=0, rows=b""), "malformed-image"),
        (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IEND", b""), "malformed-image"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, code: str) -> None:
    assert code_of(data) == code


@pytest.mark.parametrize("kind", [*OPAQUE, *TRANSPARENT])
def test_a_truncated_picture_is_refused_unless_every_pixel_is_there(kind: str) -> None:
    data = (OPAQUE.get(kind) or TRANSPARENT[kind])[0]
    whole = np.asarray(read_picture(data).rgb)
    for length in {*range(0, len(data), len(data) // 60 + 1), *range(len(data) - 25, len(data))}:
        result = outcome(data[:length])
        if isinstance(result, PictureError):
            assert result.code in ("empty-image", "unsupported-image", "malformed-image")
        else:  # an animation whose later frames are cut off, or a PNG that has lost no more than its closing mark
            assert np.array_equal(np.asarray(result.rgb), whole)
            assert length > len(data) - 25 or "animated" in kind or "several" in kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG 16-bit colour", "GIF", "WebP"])
def test_half_a_picture_is_refused(kind: str) -> None:
    data = OPAQUE[kind][0]
    assert code_of(data[: len(data) // 2]) == "malformed-image"
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_paths_are_read_like_bytes(tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"  # what counts is the content
    path.write_bytes(saved(PLAIN))
    assert close(read_picture(path), PIXELS, tolerance=0)
    assert code_of(path, PictureLimits(max_bytes=10)) == "image-too-large"
    path.write_bytes(b"")
    assert code_of(path) == "empty-image"
    assert code_of(tmp_path) == "unreadable-image"
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "zero.png"):  # the one would keep a reader waiting, the other has no end
        assert "no regular file" in str(outcome(tmp_path / name))
        assert code_of(tmp_path / name) == "unreadable-image"
        assert media_type(tmp_path / name) is None
    with pytest.raises(PictureError, match=r"missing\.png cannot be read: No such file") as caught:
        read_picture(tmp_path / "missing.png")
    assert caught.value.code == "unreadable-image"


# Damage

SEEDS = [
    *(data for data, *_ in OPAQUE.values()),
    *(data for data, *_ in TRANSPARENT.values()),
    saved(PLAIN, "JPEG", exif=exif(6), dpi=(72, 72), comment=b"hello", icc_profile=b"i" * 40),
    saved(PLAIN, exif=exif(6), icc_profile=b"i" * 40, dpi=(72, 72)),
    saved(PLAIN, "WEBP", exif=exif(6), icc_profile=b"i" * 40),
]


def damage(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut out, put in or copied about, half of them in the header."""
    damaged = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 3, 8])):
        at = chance.randrange(chance.choice([len(damaged), min(len(damaged), 150)]))
        match chance.randrange(5):
            case 0:
                damaged[at] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
            case 1:
                damaged[at] ^= 1 << chance.randrange(8)
            case 2:
                del damaged[at + 1 : at + 1 + chance.choice([1, 4, 12, len(damaged)])]
            case 3:
                damaged[at:at] = chance.randbytes(chance.randrange(1, 8))
            case 4:
                start = chance.randrange(len(damaged))
                damaged[at : at + 8] = damaged[start : start + 8]
    return with_right_checksums(bytes(damaged)) if data[1:4] == b"PNG" and chance.random() < 0.8 else bytes(damaged)


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
def test_a_damaged_picture_is_refused_or_read(data: bytes, chance: random.Random) -> None:
    result = outcome(damage(data, chance), PictureLimits(max_pixels=100_000))
    if isinstance(result, PictureError):
        assert result.code in PICTURE_CODES
    else:
        assert result.rgb.mode == "RGB"
        assert result.opaque is None or result.opaque.shape == result.rgb.size[::-1]
