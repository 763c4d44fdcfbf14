"""Windows and patches with the real model of the package: what is found, where, and how sure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wikiclip.base.errors import WikiClipError
from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.pictures import Picture
from wikiclip.segmenters import Box
from wikiclip.segmenters.named import Candidate, NameSegmenter, Reference, open_name_segmenter
from wikiclip.segmenters.named.boxes import covering, scale
from wikiclip.segmenters.named.patches import labels, laid, pieces, tiled
from wikiclip.segmenters.named.windows import voted, windows

METHODS = ("windows", "patches")


def noise(size: tuple[int, int]) -> Image.Image:
    """Of this width and height, the same at each call."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def model() -> WikiClip:
    return WikiClip.load("tiny")


@pytest.fixture(scope="module", params=METHODS)
def segmenter(request: pytest.FixtureRequest, model: WikiClip) -> NameSegmenter:
    return open_name_segmenter(request.param, model=model)


def overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def drawn(size: int, thing: str) -> tuple[Image.Image, Mask]:
    """A thing on a transparent ground."""
    image = Image.new("RGBA", (size, size))
    pen, part = ImageDraw.Draw(image), size / 10
    if thing == "ball":  # of red and white sectors
        for sector in range(6):
            colour = ((210, 30, 30), (245, 245, 245))[sector % 2]
            pen.pieslice((0, 0, size - 1, size - 1), 60 * sector, 60 * sector + 60, fill=colour)
    else:  # a house
        pen.polygon([(5 * part, 0), (10 * part, 4 * part), (0, 4 * part)], fill=(120, 70, 30))
        pen.rectangle((1 * part, 4 * part, 9 * part, 10 * part), fill=(230, 210, 120))
        pen.rectangle((4 * part, 6 * part, 6 * part, 10 * part), fill=(60, 60, 160))
    return image, np.asarray(image.getchannel("A")) > 127


def scene() -> tuple[Image.Image, dict[str, Mask]]:
    """A ball to the left and a house to the right, on a meadow of noise."""
    rng = np.random.default_rng(0)
    noise_HWC = np.array([110, 150, 90]) + rng.normal(0, 8, (240, 320, 3))
    picture = Image.fromarray(np.clip(noise_HWC, 0, 255).astype(np.uint8))
    masks = {}
    for thing, at in (("ball", (25, 70)), ("house", (190, 60))):
        image, mask = drawn(110, thing)
        picture.paste(image, at, image)
        masks[thing] = np.zeros((240, 320), np.bool_)
        masks[thing][at[1] : at[1] + 110, at[0] : at[0] + 110] = mask
    return picture, masks


def reference(model: WikiClip, thing: str) -> Reference:
    """By the vector of a record that shows it."""
    image, opaque = drawn(200, thing)
    (vector_M,) = model.encode_entities([model.prepare_entity(thing, Picture(image.convert("RGB"), opaque))])
    return Reference(words=thing, entity_M=vector_M)


def same(one: list[Candidate], other: list[Candidate]) -> bool:
    return len(one) == len(other) and all(
        a.confidence == b.confidence and a.box == b.box and np.array_equal(a.mask, b.mask)
        for a, b in zip(one, other, strict=True)
    )


def test_each_of_two_things_is_found_by_its_record(segmenter: NameSegmenter, model: WikiClip) -> None:
    picture, masks = scene()
    found = segmenter.find(picture, [reference(model, thing) for thing in masks])
    for (thing, mask), other, candidates in zip(masks.items(), reversed(masks.values()), found, strict=True):
        assert overlap(candidates[0].mask, mask) > 0.5, thing
        assert not (candidates[0].mask & other).any(), thing
        assert candidates[0].confidence > 0.3


def test_references_are_independent_of_one_another(segmenter: NameSegmenter, model: WikiClip) -> None:
    picture, _ = scene()
    references = [Reference(words="ball"), Reference(words="a house: one lives in it, " * 9)]
    together = segmenter.find(picture, references)
    (alone,) = segmenter.find(picture, references[:1])
    assert same(alone, together[0])
    assert segmenter.find(picture, []) == []


def test_words_alone_stand_for_the_vector_that_the_model_makes_of_them(
    segmenter: NameSegmenter, model: WikiClip
) -> None:
    picture, _ = scene()
    (vector_M,) = model.encode_entities([model.prepare_entity("a ball", None)])
    by_words, by_vector = segmenter.find(picture, [Reference(words="a ball"), Reference(words="", entity_M=vector_M)])
    assert same(by_words, by_vector)


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (700, 2), (1500, 1100)])
def test_masks_have_the_picture_s_size_and_a_pixel(segmenter: NameSegmenter, size: tuple[int, int]) -> None:
    image = noise(size)
    (candidates,) = segmenter.find(image, [Reference(words="a cat")])
    sure = [candidate.confidence for candidate in candidates]
    assert sure == sorted(sure, reverse=True)
    for candidate in candidates:
        assert (candidate.mask.shape, candidate.mask.dtype) == (size[::-1], np.bool_)
        assert candidate.mask.any()
        assert 0 <= candidate.confidence <= 1
        if (box := candidate.box) is not None:
            assert 0 <= box.left < box.right <= size[0]
            assert 0 <= box.top < box.bottom <= size[1]
            assert not candidate.mask[:, : box.left].any()
            assert not candidate.mask[box.bottom :].any()


def test_patches_are_refused_of_a_tower_that_has_none_and_vectors_without_a_model(
    model: WikiClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in METHODS:
        with pytest.raises(WikiClipError, match="hand one over"):
            open_name_segmenter(name)
    monkeypatch.setattr(model.vision, "grid", 1)
    assert open_name_segmenter("windows", model=model).find(scene()[0], [Reference(words="ball")])[0]
    with pytest.raises(WikiClipError, match="take the segmenter windows"):
        open_name_segmenter("patches", model=model)


sizes = st.integers(1, 400)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.floats(0.5, 500), st.sampled_from([0.25, 0.5, 1.0]))
def test_squares_cover_every_pixel_and_step_no_further_than_they_may(
    width: int, height: int, side: float, step: float
) -> None:
    side = max(side, scale(width, height) / 8)
    covered = np.zeros((height, width), np.bool_)
    for box in (boxes := covering(width, height, side, step=step)):
        assert 0 <= box.left < box.right <= width
        assert 0 <= box.top < box.bottom <= height
        covered[box.top : box.bottom, box.left : box.right] = True
    assert covered.all()
    lefts = sorted({box.left for box in boxes})
    assert max(np.diff(lefts), default=0) <= max(1, step * round(side)) + 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_no_picture_is_covered_by_many_parts(width: int, height: int) -> None:
    assert 1 <= len(tiled(width, height)) <= 60
    assert 1 <= len(windows(width, height)) <= 220


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(0, 2**32 - 1))
def test_the_voted_box_lies_in_the_picture_and_touches_the_best_window(width: int, height: int, seed: int) -> None:
    boxes = windows(width, height)
    likeness_N = np.random.default_rng(seed).uniform(-1, 1, len(boxes)).astype(np.float32)
    box = voted(boxes, likeness_N, width, height)
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height


def test_votes_meet_where_windows_that_are_alike_overlap() -> None:
    boxes = [Box(0, 0, 60, 60), Box(30, 0, 90, 60), Box(130, 0, 190, 60)]
    box = voted(boxes, np.array([0.9, 0.9, 0.1], np.float32), 200, 60)
    assert (box.left, box.right) == pytest.approx((0, 90), abs=4)  # what only the third sees has no part in it


def test_heat_lies_where_the_patches_are() -> None:
    heat_TP = np.zeros((2, 4), np.float32)
    heat_TP[1, 3] = 1.0  # of the right tile, the lower right patch
    heat_HW = laid([Box(0, 0, 40, 40), Box(20, 0, 60, 40)], heat_TP, (40, 60))
    row, column = np.unravel_index(heat_HW.argmax(), heat_HW.shape)
    assert row > 20
    assert column > 40
    assert heat_HW[:20, :20].max() == 0
    labelled = labels(heat_HW)
    assert set(np.unique(labelled)) <= {0, 1, 2, 3}
    assert labelled[row, column] == 1
    assert labelled[0, 0] == 0


def blob(shape: tuple[int, int], *corners: tuple[int, int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.bool_)
    for top, left, side in corners:
        mask[top : top + side, left : left + side] = True
    return mask


def test_a_mask_in_pieces_is_given_whole_and_in_pieces() -> None:
    whole = blob((60, 60), (2, 2, 20), (30, 30, 25), (55, 2, 1))
    found = pieces(whole)
    assert [int(mask.sum()) for mask in found] == [400 + 625 + 1, 625, 400]  # the speck is in the whole alone
    assert len(pieces(blob((60, 60), (2, 2, 20)))) == 1
    assert len(pieces(blob((60, 60)))) == 1
