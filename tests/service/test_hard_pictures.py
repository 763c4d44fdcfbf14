"""Hard input that is right: each kind of picture finds what the plain version of it finds."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from wikiclip.masks import encode_rle

WIDTH, HEIGHT = 120, 80
DISC = (30, 12, 86, 68)
SAME = 2e-3  # lossless; what is left is the encoder's own rounding
NEARLY = 0.03  # JPEG
FINE = {"quality": 100, "subsampling": 0}


def _disc() -> Image.Image:
    mask = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(mask).ellipse(DISC, fill=255)
    return mask


RLE = encode_rle(np.asarray(_disc()) > 0)


def scene() -> Image.Image:
    """A red disc with a blue corner, so that no turn of it looks like another."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (230, 232, 235))
    image.paste((210, 40, 30), mask=_disc())
    ImageDraw.Draw(image).rectangle((0, 0, 30, 10), fill=(40, 70, 200))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_of_16_bit(pixels_HWC: np.ndarray[Any, np.dtype[np.uint16]]) -> bytes:
    """PIL writes no 16-bit colour, so the chunks are put together here."""
    height, width, _ = pixels_HWC.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels_HWC)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    packed = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def turned(orientation: int) -> bytes:
    """A JPEG whose pixels lie such that EXIF's `orientation` makes them upright."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes each
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = scene().transpose(Image.Transpose(back[orientation]))
    assert ImageOps.exif_transpose(_with(image, exif)).size == (WIDTH, HEIGHT)
    return saved(image, "JPEG", **FINE, exif=exif)


def _with(image: Image.Image, exif: Image.Exif) -> Image.Image:
    return Image.open(io.BytesIO(saved(image, "PNG", exif=exif)))


def frames(kind: str) -> bytes:
    other = Image.new("RGB", (WIDTH, HEIGHT), (0, 200, 0))
    return saved(scene(), kind, save_all=True, append_images=[other, other], lossless=True, duration=50)


def cut_out(kind: str) -> bytes:
    """The disc on nothing; the colour under what is transparent must not matter."""
    image = Image.composite(scene(), Image.effect_noise((WIDTH, HEIGHT), 120).convert("RGB"), _disc())
    image.putalpha(_disc())
    return saved(image, kind, lossless=True)


def plain_cut_out() -> Image.Image:
    return Image.composite(scene(), Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255)), _disc())


def grey() -> Image.Image:
    return scene().convert("L")


def black_and_white() -> Image.Image:
    return _disc().convert("1")


VARIANTS: dict[str, tuple[Callable[[], bytes], Callable[[], Image.Image], float]] = {
    "jpeg": (lambda: saved(scene(), "JPEG", **FINE), scene, NEARLY),
    "progressive jpeg": (lambda: saved(scene(), "JPEG", **FINE, progressive=True), scene, NEARLY),
    "webp": (lambda: saved(scene(), "WEBP", lossless=True), scene, SAME),
    "gif": (lambda: saved(scene(), "GIF"), scene, SAME),
    "cmyk jpeg": (lambda: saved(scene().convert("CMYK"), "JPEG", **FINE), scene, NEARLY),
    "palette": (lambda: saved(scene().quantize(16), "PNG"), scene, SAME),
    "palette with few bits": (lambda: saved(scene().quantize(4), "PNG", bits=2), scene, SAME),
    "16-bit colour": (lambda: png_of_16_bit(np.asarray(scene()).astype(np.uint16) * 257), scene, SAME),
    "16-bit grey": (lambda: saved(Image.fromarray(np.asarray(grey()).astype(np.uint16) * 257), "PNG"), grey, SAME),
    "grey": (lambda: saved(grey(), "PNG"), grey, SAME),
    "grey jpeg": (lambda: saved(grey(), "JPEG", **FINE), grey, NEARLY),
    "grey with alpha": (lambda: saved(grey().convert("LA"), "PNG"), grey, SAME),
    "one bit": (lambda: saved(black_and_white(), "PNG"), black_and_white, SAME),
    "opaque alpha": (lambda: saved(scene().convert("RGBA"), "PNG"), scene, SAME),
    "animated gif": (lambda: frames("GIF"), scene, SAME),
    "animated webp": (lambda: frames("WEBP"), scene, SAME),
    "animated png": (lambda: frames("PNG"), scene, SAME),
    **{f"exif {turn}": ((lambda turn=turn: turned(turn)), scene, NEARLY) for turn in range(2, 9)},
    "transparent": (lambda: cut_out("PNG"), plain_cut_out, SAME),
    "transparent webp": (lambda: cut_out("WEBP"), plain_cut_out, SAME),
}


def scores(client: httpx.Client, image: bytes, regions: list[object]) -> list[dict[str, float]]:
    """Of every entity, for each region: two may be so close that rounding decides which of them is the best."""
    body = {"image": base64.b64encode(image).decode(), "regions": regions, "top_k": 100}
    results = client.post("/link", json=body).raise_for_status().json()["results"]
    return [{one["entity_id"]: one["score"] for one in result["candidates"]} for result in results]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_hard_picture_is_linked_as_its_plain_version(client: httpx.Client, name: str) -> None:
    make, plain, tolerance = VARIANTS[name]
    regions: list[object] = [RLE, {"box": [30, 12, 56, 56]}]
    # A transparent picture is what it shows: as a whole it is the plain version with a mask of what is opaque.
    whole: list[object] = [None]
    plain_whole = [RLE] if name.startswith("transparent") else whole
    found = scores(client, make(), regions + whole)
    expected = scores(client, saved(plain(), "PNG"), regions + plain_whole)
    for found_each, expected_each in zip(found, expected, strict=True):
        assert 1 < len(expected_each) < 100
        assert found_each == pytest.approx(expected_each, abs=tolerance)


def test_masks_refer_to_the_upright_picture(client: httpx.Client) -> None:
    """The size of the pixels as they lie in the file is refused."""
    lying = encode_rle(np.asarray(_disc()).T > 0)
    body = {"image": base64.b64encode(turned(6)).decode(), "region": lying}
    answer = client.post("/link", json=body)
    assert answer.json()["type"] == "urn:wikiclip:problem:mask-size-mismatch"
    assert "[width, height]" in answer.json()["detail"]


def test_a_picture_of_nothing_is_linked(client: httpx.Client) -> None:
    """Wholly transparent: white, as any viewer shows it."""
    nothing = saved(Image.new("RGBA", (WIDTH, HEIGHT), (9, 9, 9, 0)), "PNG")
    white = saved(Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255)), "PNG")
    assert scores(client, nothing, [None]) == scores(client, white, [None])


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2000, 1999)])
def test_pictures_of_extreme_size_are_linked(client: httpx.Client, size: tuple[int, int]) -> None:
    assert scores(client, saved(Image.new("RGB", size, (210, 40, 30)), "PNG"), [None, {"box": [0, 0, 1, 1]}])
