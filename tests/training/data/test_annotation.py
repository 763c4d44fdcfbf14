"""A mention is decoded as its annotation says, or refused with a code and without a trace of the decoder."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from training.data.annotation import Annotation, MentionError, read_mention
from wikiclip.masks import UNDECLARED, Declared, decode_region, encode_rle

HEIGHT, WIDTH = 10, 12


def annotation(picture: Path, region: object = None, declared: Declared = UNDECLARED) -> Annotation:
    return Annotation(
        data_id="a",
        picture=picture,
        region=region,
        entity_id="Q1",
        split="seen",
        task=None,
        question=None,
        declared=declared,
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    pixels = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    Image.fromarray(pixels).save(path)
    return path


def test_without_a_region_the_mention_is_the_whole_picture(picture: Path):
    image, mask = read_mention(annotation(picture))
    assert (image.mode, image.size, mask.shape, mask.all()) == ("RGB", (WIDTH, HEIGHT), (HEIGHT, WIDTH), True)


def test_several_rles_are_one_region(picture: Path):
    first, second = np.zeros((2, HEIGHT, WIDTH), dtype=np.bool_)
    first[1:4, 2:5] = True
    second[3:8, 4:9] = True
    _, mask = read_mention(annotation(picture, [encode_rle(first), encode_rle(second)]))
    assert (mask == (first | second)).all()


def test_a_turned_jpeg_stands_upright_before_its_region_is_looked_at(tmp_path: Path):
    path, exif = tmp_path / "turned.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(path, exif=exif)
    image, mask = read_mention(annotation(path, {"box": [0, 0, 1, WIDTH]}))
    assert image.size == (HEIGHT, WIDTH)
    assert mask[:, 0].all()


@pytest.mark.parametrize("name", ["none.png", "none/a.png", "picture.png/below.png"])
def test_a_picture_that_is_not_there_is_missing(picture: Path, name: str):
    with pytest.raises(MentionError, match=rf"There is no picture .*{name}") as error:
        read_mention(annotation(picture.parent / name))
    assert error.value.code == "missing-picture"


def test_a_picture_that_cannot_be_read_says_why(picture: Path, tmp_path: Path):
    whole, files = picture.read_bytes(), {}
    Image.new("RGB", (300, 200), (90, 10, 10)).save(tmp_path / "whole.jpg")
    files["cut.png"] = (whole[: len(whole) // 2], "malformed-image")
    files["cut.jpg"] = ((tmp_path / "whole.jpg").read_bytes()[:700], "malformed-image")
    files["empty.jpg"] = (b"", "empty-image")
    files["page.jpg"] = (b"<!DOCTYPE html><title>Not found</title>", "unsupported-image")
    for name, (content, cause) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MentionError, match=name) as error:
            read_mention(annotation(tmp_path / name))
        assert (error.value.code, error.value.cause) == ("unreadable-picture", cause)
    with pytest.raises(MentionError) as error:
        read_mention(annotation(tmp_path))
    assert (error.value.code, error.value.cause) == ("unreadable-picture", "unreadable-image")


@pytest.mark.parametrize(
    ("region", "cause"),
    [
        ([{"size": [HEIGHT, WIDTH], "counts": "0"}], "malformed-rle"),
        ([{"size": [WIDTH, HEIGHT], "counts": [0, HEIGHT * WIDTH]}], "mask-size-mismatch"),
        ([{"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}], "empty-mask"),
        ({"polygon": [[1, 2, 3]]}, "malformed-polygon"),
        ({"box": [WIDTH, 0, 2, 2]}, "outside-picture"),
        ("everything", "malformed-region"),
        ([], "malformed-region"),
    ],
)
def test_a_region_that_does_not_fit_says_so_in_the_region_s_own_words(picture: Path, region: object, cause: str):
    with pytest.raises(MentionError, match=f"^{cause}: ") as error:
        read_mention(annotation(picture, region))
    assert (error.value.code, error.value.cause) == ("bad-region", cause)


BOX = {"box": [2, 3, 5, 6]}
sides = st.none() | st.sampled_from([HEIGHT, WIDTH, float(HEIGHT), float(WIDTH), 1, WIDTH + 0.5, float("inf")])


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("still") / "picture.png"
    Image.new("RGB", (WIDTH, HEIGHT)).save(path)
    return path


@given(width=sides, height=sides)
def test_a_region_of_a_picture_of_another_size_is_never_taken_for_one_of_this(
    still: Path, width: float | None, height: float | None
):
    if width in (None, WIDTH) and height in (None, HEIGHT):
        _, mask = read_mention(annotation(still, BOX, (width, height)))
        assert (mask == decode_region(BOX, height=HEIGHT, width=WIDTH)).all()
        return
    with pytest.raises(MentionError, match=f"upright, the file is {WIDTH} wide and {HEIGHT} high") as error:
        read_mention(annotation(still, BOX, (width, height)))
    assert (error.value.code, error.value.cause) == ("bad-region", "mask-size-mismatch")


def test_the_size_that_counts_is_that_of_the_upright_picture(tmp_path: Path):
    path, exif = tmp_path / "turned.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(path, exif=exif)
    assert read_mention(annotation(path, BOX, (HEIGHT, WIDTH)))[1].any()
    with pytest.raises(MentionError, match=f"{WIDTH} wide and {HEIGHT} high; upright"):
        read_mention(annotation(path, BOX, (WIDTH, HEIGHT)))
