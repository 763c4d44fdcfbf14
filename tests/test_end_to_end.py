"""The whole of it on real data: the packaged checkpoint, an index of Wikipedia's articles, and the linker."""

import io
import json
from itertools import islice
from pathlib import Path

import pytest

from indexer.build import build
from indexer.kb import KnowledgeBase, KnowledgeBaseName, open_kb
from indexer.kb.record import Entity
from indexer.linker import Linker
from training.data.scenes.compose import Scene, SceneConfig, compose
from training.demo import SHOWN, demo_photograph, demo_scene
from wikiclip.masks import encode_rle
from wikiclip.pictures import PictureLimits

pytestmark = [pytest.mark.data, pytest.mark.slow]
PHOTOGRAPHED = "Jellyfish"


@pytest.fixture(scope="module")
def kb(wikipedia_data: Path) -> KnowledgeBase:
    """The demo's."""
    return open_kb(KnowledgeBaseName.WIKIPEDIA)


@pytest.fixture(scope="module")
def linker(kb: KnowledgeBase, tmp_path_factory: pytest.TempPathFactory) -> Linker:
    """Every entity that has a picture, and some of the others, that of the demo's photograph among them."""
    entities = [record for record in kb.records() if isinstance(record, Entity)]
    chosen = [entity for entity in entities if entity.images or entity.title == PHOTOGRAPHED]
    chosen += islice((entity for entity in entities if not entity.images and entity.title != PHOTOGRAPHED), 0, None, 20)
    folder = tmp_path_factory.mktemp("articles")
    lines = (json.dumps(entity._asdict()) + "\n" for entity in chosen)
    (folder / "records.jsonl").write_text("".join(lines))
    build(kb=KnowledgeBaseName.JSONL, records=folder / "records.jsonl", images=kb.image_root, out=folder / "index")
    return Linker.open("tiny", folder / "index", limits=PictureLimits())


def test_the_demo_photograph_is_known_without_a_mask(linker: Linker) -> None:
    file = io.BytesIO()
    demo_photograph().save(file, "PNG")
    (found,) = linker.link(file.getvalue(), regions=[None], top_k=1)
    assert found.candidates[0].entity.title == PHOTOGRAPHED
    assert found.confidence is not None
    assert found.confidence > 0.5


def titles(linker: Linker, scene: Scene, regions: list[object], top_k: int = 3) -> list[list[str]]:
    """The titles found for each region of a scene."""
    file = io.BytesIO()
    scene.picture.save(file, "PNG")
    answer = linker.answer(linker.prepare(file.getvalue(), regions, top_k=top_k))
    return [[candidate.entity.title for candidate in found.candidates] for found in answer]


def test_the_demo_scene_names_each_thing_under_its_mask(linker: Linker) -> None:
    scene = demo_scene()
    found = titles(linker, scene, [encode_rle(placed.mask) for placed in scene.placed], top_k=1)
    assert [first.lower() for (first,) in found] == list(SHOWN)


def test_other_masks_of_one_picture_give_other_entities(linker: Linker, kb: KnowledgeBase) -> None:
    """The mask is what tells the things of a scene apart: with it they are found, without it there is one answer."""
    title_of = {image: record.title for record in kb.records() if isinstance(record, Entity) for image in record.images}
    assert kb.image_root is not None
    pictures = sorted(title_of)
    right, asked, without = 0, 0, 0
    for number in range(8):
        scene = compose(
            [kb.image_root / path for path in pictures[number * 40 : number * 40 + 40 : 13]], [number], SceneConfig()
        )
        truth = [title_of[placed.path.relative_to(kb.image_root).as_posix()] for placed in scene.placed]
        found = titles(linker, scene, [encode_rle(placed.mask) for placed in scene.placed])
        (whole,) = titles(linker, scene, [None])
        right += sum(title in three for title, three in zip(truth, found, strict=True))
        without += sum(title in whole for title in truth)
        asked += len(truth)
        assert len({three[0] for three in found}) > 1
    assert right / asked > 0.5
    assert without < right / 2
