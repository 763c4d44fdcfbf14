"""Every kind of picture file against the plain version of the same picture."""

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.wikiclip.picture_files.kinds import (
    ALPHA,
    HEIGHT,
    OPAQUE,
    ORIENTATION,
    PIXELS,
    PLAIN,
    TRANSPARENT,
    WIDTH,
    close,
    exif,
)
from tests.wikiclip.picture_files.made import saved
from wikiclip.pictures import read_picture


def on_white(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = alpha[..., None] / 255
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    return np.round(pixels * share + 255 * (1 - share)).astype(np.uint8)


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
