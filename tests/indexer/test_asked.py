"""Regions of photographs that are decoded smaller, against the same regions of every pixel."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from indexer import asked
from indexer.asked import AskedRegions
from tests.wikiclip.test_shrunk_pictures import jpeg, photograph
from wikiclip.masks import RegionError, encode_rle
from wikiclip.model import WikiClip
from wikiclip.pictures import read_picture

WIDTH, HEIGHT = 2016, 1512
DATA = jpeg(photograph(WIDTH, HEIGHT))


def ellipse(left: int, top: int, width: int, height: int) -> dict[str, object]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = ((x + 0.5 - left) / width - 0.5) ** 2 + ((y + 0.5 - top) / height - 0.5) ** 2 < 0.25
    return dict(encode_rle(inside))


REGIONS = {
    "whole": None,
    "large": {"box": [10, 20, 1900, 1400]},
    "round": ellipse(300, 200, 1200, 1100),
    "small": ellipse(900, 700, 60, 50),
    "beyond the rim": {"box": [-50, 1000, 1000, 900]},
}


@pytest.fixture(scope="module")
def tiny() -> WikiClip:
    return WikiClip.load("tiny")


@pytest.mark.parametrize("name", REGIONS)
def test_the_vector_is_that_of_every_pixel(tiny: WikiClip, name: str) -> None:
    regions = AskedRegions([REGIONS[name]], tiny)
    small, large = read_picture(DATA, fit=regions.fit), read_picture(DATA)
    assert (small.shrunk > 1) == (name != "small")
    vectors_2M = tiny.encode_mentions([*regions.cut(small), *AskedRegions([REGIONS[name]], tiny).cut(large)])
    assert float(vectors_2M[0] @ vectors_2M[1]) > 1 - 0.005


def test_a_view_never_has_fewer_pixels_than_it_shows(tiny: WikiClip) -> None:
    for side in range(20, 1500, 37):
        regions = AskedRegions([{"box": [3, 5, side, side]}], tiny)
        picture = read_picture(DATA, fit=regions.fit)
        left, _, right, _ = tiny.mention_frame(np.asarray(next(iter(regions._kept.values()))))
        assert picture.shrunk == 1 or (right - left) / picture.shrunk >= 2 * tiny.vision.image_size


def test_of_several_the_smallest_says_how_much_is_needed(tiny: WikiClip) -> None:
    fits = [AskedRegions([region], tiny).fit(WIDTH, HEIGHT) for region in REGIONS.values()]
    assert AskedRegions(list(REGIONS.values()), tiny).fit(WIDTH, HEIGHT) == min(fits) < max(fits)
    assert AskedRegions([], tiny).fit(WIDTH, HEIGHT) == 1


def test_masks_that_would_fill_the_memory_are_read_one_by_one(tiny: WikiClip, monkeypatch: pytest.MonkeyPatch) -> None:
    many = AskedRegions(list(REGIONS.values()), tiny)
    monkeypatch.setattr(asked, "MOST_KEPT", WIDTH * HEIGHT)
    assert many.fit(WIDTH, HEIGHT) == 1
    picture = read_picture(DATA, fit=many.fit)
    for _ in many.cut(picture):
        assert not many._kept


def test_a_region_that_cannot_be_read_is_refused_before_a_pixel_is_decoded(tiny: WikiClip) -> None:
    with pytest.raises(RegionError, match="finite numbers"):
        read_picture(DATA[:3000], fit=AskedRegions([{"box": [1, 2]}], tiny).fit)


def test_each_piece_of_work_is_done_inside_of_what_was_handed_over(tiny: WikiClip) -> None:
    pieces = []

    @contextmanager
    def work() -> Iterator[None]:
        pieces.append("begun")
        yield
        pieces.append("done")

    regions = AskedRegions([None, REGIONS["large"]], tiny, work=work)
    picture = read_picture(DATA, fit=regions.fit)
    assert len(list(regions.cut(picture))) == 2
    assert pieces == ["begun", "done"] * 4  # two are read, two are cut; the whole picture is read without work
