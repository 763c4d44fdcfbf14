"""Every kind of picture file against the plain version of the same picture, and files that are none."""

import random
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile

from tests.wikiclip.picture_files import png, png_chunk, saved, with_right_checksums
from wikiclip.images import IMAGE_CODES, ImageError, ImageLimits, Picture, read_picture

WIDTH, HEIGHT = 48, 32
ORIENTATION = 0x0112


def plain_pixels() -> NDArray[np.uint8]:
    """Smooth, since JPEG is kind to that; and without symmetry, so that no turn goes unseen."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x * 5, y * 7, 255 - x * 2 - y * 3], axis=-1).astype(np.uint8)


PIXELS = plain_pixels()
GREY = np.asarray(Image.fromarray(PIXELS).convert("L"))
PLAIN = Image.fromarray(PIXELS)
ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
HOLE = np.zeros((HEIGHT, WIDTH), np.bool_)
HOLE[8:20, 10:30] = True


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


def on_white(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = alpha[..., None] / 255
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    return np.round(pixels * share + 255 * (1 - share)).astype(np.uint8)


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


@pytest.mark.parametrize("kind", OPAQUE)
def test_opaque_kinds_are_the_plain_picture(kind: str) -> None:
    data, truth, tolerance = OPAQUE[kind]
    picture = read_picture(data)
    assert picture.opaque is None
    assert close(picture, truth, tolerance=tolerance)


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_transparent_kinds_are_the_plain_picture_on_white(kind: str) -> None:
    data, pixels, alpha, tolerance = TRANSPARENT[kind]
    picture = read_picture(data)
    assert close(picture, on_white(pixels, alpha), tolerance=tolerance)
    assert picture.opaque is not None
    assert picture.opaque.dtype == np.bool_
    assert np.array_equal(picture.opaque, alpha >= 128)


def test_nothing_at_all_is_opaque_in_a_clear_picture() -> None:
    picture = read_picture(saved(Image.new("RGBA", (3, 2), (9, 9, 9, 0))))
    assert picture.opaque is not None
    assert not picture.opaque.any()
    assert picture.rgb.getextrema() == ((255, 255),) * 3


def test_16_bit_grey_is_scaled_and_not_clamped() -> None:
    ramp = np.linspace(0, 65535, 256 * 4).astype(np.uint16).reshape(4, 256)
    pixels = np.asarray(read_picture(saved(Image.fromarray(ramp))).rgb)[..., 0]
    assert np.abs(pixels - ramp / 257).max() <= 1


# EXIF

TURNED = {  # how a camera held that way would have stored the upright picture
    1: PIXELS,
    2: PIXELS[:, ::-1],
    3: PIXELS[::-1, ::-1],
    4: PIXELS[::-1],
    5: PIXELS.transpose(1, 0, 2),
    6: PIXELS.transpose(1, 0, 2)[::-1],
    7: PIXELS[::-1, ::-1].transpose(1, 0, 2),
    8: PIXELS.transpose(1, 0, 2)[:, ::-1],
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize(("file_format", "tolerance"), [("JPEG", 2), ("PNG", 0), ("WEBP", 0)])
def test_exif_turns_the_picture_upright(orientation: int, file_format: str, tolerance: float) -> None:
    stored = Image.fromarray(np.ascontiguousarray(TURNED[orientation]))
    options = {"lossless": True} if file_format == "WEBP" else {"quality": 95} if file_format == "JPEG" else {}
    picture = read_picture(saved(stored, file_format, exif=exif(orientation), **options))
    assert close(picture, PIXELS, tolerance=tolerance)


def test_exif_turns_what_is_opaque_with_the_picture() -> None:
    rgba = np.dstack([PIXELS, ALPHA])
    picture = read_picture(saved(Image.fromarray(rgba.transpose(1, 0, 2)[::-1].copy()), exif=exif(6)))
    assert close(picture, on_white(PIXELS, ALPHA), tolerance=1)
    assert np.array_equal(picture.opaque, ALPHA >= 128)


@pytest.mark.parametrize(
    "block",
    [
        exif(0),
        exif(9),
        exif(65535),
        b"Exif\0\0" + struct.pack("<2sHIHHHI4sI", b"II", 42, 8, 1, ORIENTATION, 2, 2, b"6\0\0\0", 0),  # as text
        b"Exif\0\0",
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        exif(6)[:20],
        exif(6)[:12],
    ],
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_or_meaningless_exif_is_passed_over(block: bytes, file_format: str) -> None:
    picture = read_picture(saved(PLAIN, file_format, exif=block))
    assert picture.rgb.size == (WIDTH, HEIGHT)


def test_xmp_does_not_turn_the_picture() -> None:
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    assert read_picture(saved(PLAIN, "JPEG", xmp=xmp)).rgb.size == (WIDTH, HEIGHT)
    assert read_picture(saved(PLAIN, "WEBP", xmp=xmp)).rgb.size == (WIDTH, HEIGHT)


def test_a_broken_index_of_further_pictures_costs_a_jpeg_nothing() -> None:
    data = saved(PLAIN, "MPO", quality=95, save_all=True, append_images=[PLAIN])
    marker = data.index(b"MPF\0") + 4
    for broken in (b"\xff" * 8, b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\0"):
        assert close(read_picture(data[:marker] + broken + data[marker + 8 :]), PIXELS, tolerance=2)


# What is refused


DEFAULT = ImageLimits()


def outcome(source: bytes | Path, limits: ImageLimits = DEFAULT) -> Picture | ImageError:
    try:
        return read_picture(source, limits=limits)
    except ImageError as error:
        return error


def code_of(source: bytes | Path, limits: ImageLimits = DEFAULT) -> str | None:
    """The code a source is refused with, None where it is a picture."""
    result = outcome(source, limits)
    return result.code if isinstance(result, ImageError) else None


def vp8x(width: int, height: int) -> bytes:
    """An extended WebP of a canvas that holds nothing."""
    chunk = bytes([0x02, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + len(chunk).to_bytes(4, "little") + chunk + b"ANIM\6\0\0\0\0\0\0\0\0\0"
    return b"RIFF" + len(body).to_bytes(4, "little") + body


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
}


@pytest.mark.parametrize("kind", HUGE)
def test_too_many_pixels_are_refused_by_the_header_and_without_warnings(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert code_of(HUGE[kind]) == "image-too-large"


def test_pixels_and_bytes_are_allowed_up_to_the_limit() -> None:
    data = saved(PLAIN)
    assert code_of(data, ImageLimits(max_pixels=WIDTH * HEIGHT, max_bytes=len(data))) is None
    assert code_of(data, ImageLimits(max_pixels=WIDTH * HEIGHT - 1)) == "image-too-large"
    assert code_of(data, ImageLimits(max_bytes=len(data) - 1)) == "image-too-large"
    webp = saved(PLAIN, "WEBP")
    assert code_of(webp, ImageLimits(max_pixels=WIDTH * HEIGHT)) is None
    assert code_of(webp, ImageLimits(max_pixels=WIDTH * HEIGHT - 1)) == "image-too-large"


@pytest.mark.parametrize("file_format", ["TIFF", "BMP", "ICO", "PPM", "TGA", "JPEG2000", "PDF", "EPS"])
def test_formats_that_are_not_named_are_refused(file_format: str) -> None:
    assert code_of(saved(PLAIN, file_format)) == "unsupported-image"


def test_limits_narrow_the_formats() -> None:
    only_png = ImageLimits(formats=("PNG",))
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
        if isinstance(result, ImageError):
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
    assert code_of(path, ImageLimits(max_bytes=10)) == "image-too-large"
    path.write_bytes(b"")
    assert code_of(path) == "empty-image"
    assert code_of(tmp_path) == "unreadable-image"
    with pytest.raises(ImageError, match=r"missing\.png cannot be read: No such file") as caught:
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
    result = outcome(damage(data, chance), ImageLimits(max_pixels=100_000))
    if isinstance(result, ImageError):
        assert result.code in IMAGE_CODES
    else:
        assert result.rgb.mode == "RGB"
        assert result.opaque is None or result.opaque.shape == result.rgb.size[::-1]
