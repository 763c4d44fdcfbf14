"""JPEG photographs that are decoded smaller, since what is asked about needs no more of them."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from tests.wikiclip.picture_files.kinds import exif
from tests.wikiclip.picture_files.made import saved
from wikiclip.picture_files.reading import SHRINKS
from wikiclip.pictures import PictureError, as_it_is, read_picture


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """Soft spots of colour, as a photograph has them and noise has not."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(1, height // 40), max(1, width // 40), 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(1))


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 20))
@settings(max_examples=40, deadline=None)
def test_it_is_as_small_as_may_be_and_knows_what_it_is_a_copy_of(width: int, height: int, fit: float) -> None:
    picture = read_picture(jpeg(photograph(width, height)), fit=lambda *_: fit)
    assert picture.size == (width, height)
    assert picture.shrunk in SHRINKS
    assert picture.shrunk <= max(1, min(fit, width, height))
    assert picture.shrunk * 2 > min(fit, width, height) or picture.shrunk == 8
    assert picture.rgb.size == (-(-width // picture.shrunk), -(-height // picture.shrunk))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_it_looks_like_the_whole_one_made_smaller(mode: str, progressive: bool, shrink: int) -> None:
    data = jpeg(photograph(640, 480).convert(mode), progressive=progressive)
    small, large = read_picture(data, fit=lambda *_: shrink), read_picture(data)
    assert (small.shrunk, large.shrunk) == (shrink, 1)
    difference = np.asarray(small.rgb, np.float32) - np.asarray(large.rgb.reduce(shrink), np.float32)
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_turned_is_turned_as_the_whole_one(orientation: int) -> None:
    asked = []

    def fit(width: int, height: int) -> float:
        asked.append((width, height))
        return 4.0

    data = jpeg(photograph(640, 240), exif=exif(orientation))
    small, large = read_picture(data, fit=fit), read_picture(data)
    assert asked == [small.size] * len(asked)
    assert small.size == large.rgb.size == ((640, 240) if orientation < 5 else (240, 640))
    assert np.abs(np.asarray(small.rgb, np.float32) - np.asarray(large.rgb.reduce(4), np.float32)).mean() < 2


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "WEBP"])
def test_of_other_formats_every_pixel_is_decoded(file_format: str) -> None:
    picture = read_picture(saved(photograph(64, 48), file_format), fit=lambda *_: 8.0)
    assert (picture.shrunk, picture.rgb.size) == (1, (64, 48))


@pytest.mark.parametrize("missing", [2, 40])
def test_one_that_is_cut_off_is_judged_as_the_whole_one_is(missing: int) -> None:
    """Without its end marker it is read; with pixels missing it is not."""
    data = jpeg(photograph(320, 240))[:-missing]
    told = []
    for fit in (as_it_is, lambda *_: 4.0):
        try:
            told.append(str(read_picture(data, fit=fit).size))
        except PictureError as error:
            told.append(error.code)
    assert told[0] == told[1] == ("(320, 240)" if missing == 2 else "malformed-image")


def test_what_says_how_small_may_refuse() -> None:
    def fit(*_: int) -> float:
        raise ZeroDivisionError("none of it")

    with pytest.raises(ZeroDivisionError, match="none of it"):
        read_picture(jpeg(photograph(32, 32)), fit=fit)
