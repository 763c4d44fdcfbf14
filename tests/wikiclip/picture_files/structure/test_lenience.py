"""A picture that common viewers show whole is read, whatever else is wrong with its file."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.wikiclip.picture_files.kinds import HEIGHT, HOLE, OPAQUE, PIXELS, PLAIN, TRANSPARENT, WIDTH, close, exif
from tests.wikiclip.picture_files.made import png_chunk, saved
from wikiclip.picture_files.structure.exif import orientation_of
from wikiclip.picture_files.structure.png import lean_png
from wikiclip.pictures import PictureError, read_picture
from wikiclip.regions.decode import decode_png_mask

PNG = saved(PLAIN)
NOISE = zlib.compress(os.urandom(1_500_000))
LARGE = {
    "iCCP": b"profile\0\0" + NOISE,
    "zTXt": b"workflow\0\0" + NOISE,
    "iTXt": b"workflow\0\1\0\0\0" + NOISE,
    "tEXt": b"workflow\0" + bytes(3_000_000),
}


def with_chunk(data: bytes, chunk: bytes) -> bytes:
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("name", LARGE)
def test_large_chunks_that_show_nothing_do_not_spoil_a_picture_or_a_mask(name: str) -> None:
    chunk = png_chunk(name.encode(), LARGE[name])
    assert close(read_picture(with_chunk(PNG, chunk)), PIXELS, tolerance=0)
    assert np.array_equal(
        decode_png_mask(with_chunk(saved(Image.fromarray(HOLE)), chunk), height=HEIGHT, width=WIDTH), HOLE
    )


@given(
    st.sampled_from([b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"iCCP", b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL"])
    | st.sampled_from([b"tRNS", b"bKGD", b"tIME", b"abCd"]),
    st.binary(max_size=40),
    st.booleans(),
    st.booleans(),
)
def test_damaged_chunks_that_show_nothing_do_not_spoil_a_picture(
    name: bytes, content: bytes, right_checksum: bool, behind: bool
) -> None:
    chunk = png_chunk(name, content)
    if not right_checksum:
        chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
    at = len(PNG) - 12 if behind else 33
    picture = read_picture(PNG[:at] + chunk + PNG[at:])
    shown_without = name == b"tRNS" and right_checksum and len(content) == 6
    assert shown_without or close(picture, PIXELS, tolerance=0) or name == b"eXIf"


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_transparency_survives(kind: str) -> None:
    data, _, alpha, _ = TRANSPARENT[kind]
    picture = read_picture(data)
    assert picture.opaque is not None
    assert np.array_equal(picture.opaque, alpha >= 128)


def test_transparency_with_a_wrong_checksum_is_passed_over() -> None:
    data = TRANSPARENT["PNG clear colour"][0]
    at = data.index(b"tRNS") + 4 + 6
    assert read_picture(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).opaque is None


def test_exif_behind_the_pixels_turns_a_png() -> None:
    chunk = png_chunk(b"eXIf", exif(6)[6:])
    assert read_picture(PNG[:-12] + chunk + PNG[-12:]).rgb.size == (HEIGHT, WIDTH)


def without_end(kind: str) -> bytes:
    data = OPAQUE[kind][0]
    if "JPEG" in kind:
        return data[: data.index(b"\xff\xd9") if "MPO" not in kind else data.rindex(b"\xff\xd9")]
    return data[:-12] if "PNG" in kind else data[:-1]


@pytest.mark.parametrize("kind", [kind for kind in OPAQUE if "WebP" not in kind])
def test_a_missing_end_marker_costs_nothing(kind: str) -> None:
    data, truth, tolerance = OPAQUE[kind]
    picture = read_picture(without_end(kind))
    assert close(picture, truth, tolerance=tolerance)
    assert np.array_equal(np.asarray(picture.rgb), np.asarray(read_picture(data).rgb))


@pytest.mark.parametrize("kind", ["JPEG", "JPEG progressive", "JPEG grey", "JPEG CMYK"])
def test_a_jpeg_without_its_end_lacks_no_pixel(kind: str) -> None:
    data = without_end(kind)
    whole = np.asarray(read_picture(data).rgb)
    for length in range(len(data) * 2 // 3, len(data)):
        try:
            picture = read_picture(data[:length])
        except PictureError:
            continue
        assert np.array_equal(np.asarray(picture.rgb), whole)


def test_a_flat_jpeg_that_is_cut_in_the_middle_is_refused() -> None:
    data = saved(Image.new("RGB", (400, 400), (200, 30, 90)), "JPEG", optimize=True)
    with pytest.raises(PictureError):
        read_picture(data[: data.index(b"\xff\xda") + 60])


def test_a_frame_smaller_than_its_canvas_stands_on_nothing() -> None:
    data = bytearray(saved(Image.new("P", (4, 3), 0), "GIF"))
    at = data.index(b",\0\0\0\0")
    data[6:10] = struct.pack("<HH", 9, 8)
    data[at + 1 : at + 5] = struct.pack("<HH", 2, 1)
    picture = read_picture(bytes(data))
    frame = np.zeros((8, 9), np.bool_)
    frame[1:4, 2:6] = True
    assert picture.rgb.size == (9, 8)
    assert picture.opaque is not None
    assert np.array_equal(picture.opaque, frame)
    assert (np.asarray(picture.rgb)[~frame] == 255).all()


@pytest.mark.parametrize("name", [b"ICCP", b"EXIF", b"XMP "])
def test_webp_metadata_that_is_cut_off_or_damaged_is_passed_over(name: bytes) -> None:
    options = {b"ICCP": "icc_profile", b"EXIF": "exif", b"XMP ": "xmp"}
    data = saved(PLAIN, "WEBP", lossless=True, **{options[name]: b"x" * 999})
    at = data.index(name)
    damaged = data[: at + 8] + os.urandom(999) + data[at + 8 + 999 :]
    assert close(read_picture(damaged), PIXELS, tolerance=0)
    if name != b"ICCP":  # which stands before the pixels
        assert close(read_picture(data[:-500]), PIXELS, tolerance=0)


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"MM\0*", b"Exif\0\0II*\0\x08\0\0\0"]))
def test_any_exif_has_an_orientation_or_none(block: bytes, head: bytes) -> None:
    value = orientation_of(head + block)
    assert value is None or isinstance(value, int)


@pytest.mark.parametrize("orientation", range(10))
def test_orientation_is_what_was_written(orientation: int) -> None:
    assert orientation_of(exif(orientation)) == orientation
    assert orientation_of(exif(orientation)[6:]) == orientation


def test_pillow_sees_only_what_shows_the_picture() -> None:
    lean = lean_png(with_chunk(PNG, png_chunk(b"tEXt", b"secret\0text")))
    assert b"secret" not in lean.data
    assert Image.open(io.BytesIO(lean.data)).info == {}
