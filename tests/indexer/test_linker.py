"""Linking in process: a few records with pictures of one colour each, which a mask of that colour must find."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import Linker
from indexer.errors import NoIndex, WrongModel
from indexer.kb.record import Entity, describe
from indexer.linker import Found
from indexer.version import Version
from tests.milvus import BACKENDS
from wikiclip.masks import RegionError
from wikiclip.model import WikiClip
from wikiclip.pictures import PictureError, PictureLimits, read_picture

COLOURS = {"Q1": "red", "Q2": "green", "Q3": "blue"}
LEFT, RIGHT = {"box": [0, 0, 40, 40]}, {"box": [40, 0, 40, 40]}


def ids(found: Found) -> list[str]:
    return [candidate.entity.entity_id for candidate in found.candidates]


def scores(found: Found) -> list[float]:
    return [candidate.score for candidate in found.candidates]


@pytest.fixture(scope="module", params=BACKENDS)
def make_version(
    request: pytest.FixtureRequest, make_version: Callable[..., Version], milvus: str
) -> Callable[..., Version]:
    """Of either backend."""
    return partial(make_version, kind=request.param)


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, make_version: Callable[..., Version], model: WikiClip, checkpoint: Path
) -> Path:
    """A folder as WIKICLIP_HOME names one, with an index in it."""
    home = tmp_path_factory.mktemp("home")
    entities = []
    for entity_id, colour in COLOURS.items():
        Image.new("RGB", (40, 40), colour).save(home / f"{colour}.png")
        entities.append(Entity(entity_id=entity_id, title=colour, text="A tile.", images=(f"{colour}.png",)))
    (home / "cut.png").write_bytes((home / "red.png").read_bytes()[:60])
    entities.append(Entity(entity_id="Q4", title="broken", text="A tile.", images=("cut.png",)))
    entities.append(Entity(entity_id="Q5", title="none", text="No picture at all."))
    rows_NM = model.encode_entities(
        [
            model.prepare_entity(
                describe(entity), read_picture(home / entity.images[0]) if entity.entity_id in COLOURS else None
            )
            for entity in entities
        ]
    )
    make_version(home / "index", rows_NM, entities=entities, fingerprint=model.fingerprint, image_root=home)
    return home


@pytest.fixture(scope="module")
def linker(home: Path, checkpoint: Path) -> Linker:
    return Linker.open(checkpoint, home / "index")


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """A red tile left of a blue one."""
    picture = Image.new("RGB", (80, 40), "red")
    picture.paste("blue", (40, 0, 80, 40))
    picture.save(tmp_path / "tiles.png")
    return tmp_path / "tiles.png"


def test_a_path_and_what_the_file_holds_give_the_same(linker: Linker, tiles: Path) -> None:
    found = linker.link(tiles, LEFT)
    assert len(found.candidates) == 5
    assert scores(found) == sorted(scores(found), reverse=True)
    assert linker.link(str(tiles), LEFT) == linker.link(tiles.read_bytes(), LEFT) == found


def test_one_region_is_what_the_model_and_the_index_say(linker: Linker, tiles: Path) -> None:
    picture, mask = read_picture(tiles), np.zeros((40, 80), dtype=np.bool_)
    mask[:, :40] = True
    queries_BM = linker.model.encode_mentions([linker.model.prepare_mention(picture.rgb, mask)])
    assert linker.link(tiles, LEFT, top_k=3).candidates == linker.index.search(queries_BM, 3)[0]


def test_several_regions_are_answered_in_their_order(linker: Linker, tiles: Path) -> None:
    found = linker.link(tiles, regions=[LEFT, RIGHT, None], top_k=2)
    alone = [linker.link(tiles, region, top_k=2) for region in (LEFT, RIGHT, None)]
    assert [ids(one) for one in found] == [ids(one) for one in alone]
    np.testing.assert_allclose([scores(one) for one in found], [scores(one) for one in alone], atol=2e-2)
    assert linker.link(tiles, regions=[]) == []


def test_few_candidates_and_good_ones_can_be_asked_for(linker: Linker, tiles: Path) -> None:
    every = linker.link(tiles, LEFT)
    assert linker.link(tiles, LEFT, top_k=2).candidates == every.candidates[:2]
    least = every.candidates[1].score
    good = [one for one in every.candidates if one.score >= least]
    assert linker.link(tiles, LEFT, min_score=least).candidates == good
    assert linker.link(tiles, LEFT, min_score=2.0).candidates == []


def test_what_cannot_be_asked_is_refused(linker: Linker, tiles: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        linker.link(tiles, LEFT, regions=[RIGHT])  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="top_k is 0"):
        linker.link(tiles, LEFT, top_k=0)
    with pytest.raises(RegionError, match="outside"):
        linker.link(tiles, {"box": [90, 0, 10, 10]})
    with pytest.raises(PictureError):
        linker.link(tiles.with_name("never.png"))
    with pytest.raises(PictureError):
        linker.link(b"no picture")


def test_queries_of_several_pictures_are_answered_together_each_with_its_own_bounds(
    linker: Linker, tiles: Path
) -> None:
    queries = [linker.prepare(tiles, [LEFT], top_k=1), linker.prepare(tiles, [RIGHT, None], top_k=4, min_score=-1.0)]
    vectors_BM = linker.encode(queries)
    assert vectors_BM.shape == (3, linker.model.mention_width)
    (first,), (second, third) = linker.search(vectors_BM, queries)
    assert [len(one.candidates) for one in (first, second, third)] == [1, 4, 4]
    ((alone,),) = linker.search(vectors_BM[:1], queries[:1])
    assert ids(alone) == ids(first)
    np.testing.assert_allclose(scores(alone), scores(first), atol=1e-6)  # a server sums one query in another order


def test_what_is_transparent_is_no_part_of_a_whole_picture(linker: Linker, tiles: Path, tmp_path: Path) -> None:
    cut_out = Image.open(tiles).convert("RGBA")
    cut_out.putalpha(Image.fromarray(np.repeat([[255] * 40 + [0] * 40], 40, axis=0).astype(np.uint8)))
    cut_out.save(tmp_path / "cut-out.png")
    whole, left = (mention.views[0] for mention in linker.prepare(tmp_path / "cut-out.png", [None, LEFT]).mentions)
    np.testing.assert_array_equal(whole.pixels_CHW, left.pixels_CHW)
    np.testing.assert_array_equal(whole.inside_HW, left.inside_HW)


@pytest.mark.parametrize(("entity_id", "pictured"), [("Q1", True), ("Q4", False), ("Q5", False)])
def test_a_pair_has_the_picture_of_a_record_that_can_be_read(
    linker: Linker, tiles: Path, entity_id: str, pictured: bool
) -> None:
    pair = linker.pair(linker.read(tiles), LEFT, linker.index.entity(entity_id))
    assert (pair.entity.view is not None) == pictured
    assert (pair.entity_square is not None) == pictured


def test_without_an_index_named_it_is_the_one_at_home(
    home: Path, checkpoint: Path, linker: Linker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKICLIP_HOME", str(home))
    opened = Linker.open(checkpoint)
    assert opened.index.version == linker.index.version
    assert opened.limits == PictureLimits()
    assert opened.encodes_here
    assert opened.where == "the CPU, as asked"


def test_pictures_beyond_the_limits_are_refused(home: Path, checkpoint: Path, tiles: Path) -> None:
    with pytest.raises(PictureError) as refused:
        Linker.open(checkpoint, home / "index", limits=PictureLimits(max_pixels=100)).link(tiles)
    assert refused.value.code == "image-too-large"


def test_a_missing_index_and_one_of_another_checkpoint_are_said(home: Path, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(NoIndex, match=r"indexer\.build.*`make demo-index`"):
        Linker.open(checkpoint, tmp_path)
    with pytest.raises(WrongModel):
        Linker.open("tiny", home / "index")
