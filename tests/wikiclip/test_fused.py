"""Entities of a tower that knows text, against sums written out one record at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from benchmarks.hub.repositories import write_repositories
from wikiclip.base.errors import WikiClipError
from wikiclip.entity import FusedEncoder, VgkaEncoder
from wikiclip.explanation import explain, pair
from wikiclip.masks import whole
from wikiclip.model import WikiClip
from wikiclip.pictures import Picture
from wikiclip.presets import PRESETS, AdaptorConfig, FusionConfig, Preset, TextBackbone

RECORDS = [("heron: a bird that wades", True), ("egret: white", False), ("", True), ("", False)]
KINDS = {
    "clip": FusionConfig(picture_weight=0.0),
    "clip-fusion": FusionConfig(picture_weight=2.0, text_weight=0.5),
    "clip2clip": FusionConfig(text_only_without_picture=True),
}


def preset_of(root: Path, name: str = "clip", **changes: object) -> Preset:
    preset = PRESETS[name]
    weights = preset.vision.weights.replace("hf-hub:", f"local-dir:{root}/")
    return replace(preset, vision=replace(preset.vision, weights=weights), **changes)


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_repositories(root)
    return root


@pytest.fixture(scope="module", params=["clip-small", "clip"])
def model(request: pytest.FixtureRequest, repositories: Path) -> WikiClip:
    return WikiClip(preset_of(repositories, request.param))


def picture() -> Picture:
    noise = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    return Picture(rgb=Image.fromarray(noise), opaque=None)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entity_is_the_sum_that_its_kind_says(model: WikiClip, kind: str) -> None:
    config = KINDS[kind]
    features = model.entity_features(
        [model.prepare_entity(text, picture() if pictured else None) for text, pictured in RECORDS]
    )
    vectors_BM = FusedEncoder(config, pooled_width=model.vision.pooled_width)(features)
    for number, (text, pictured) in enumerate(RECORDS):
        alone = torch.zeros(model.mention_width)
        if pictured:
            alone += config.picture_weight * F.normalize(features.pooled_BW[number], dim=0)
        if text and not (pictured and config.text_only_without_picture):
            read = model.text([text]).sentence_BT[0]
            assert float(read.norm()) == pytest.approx(1, abs=1e-4)
            alone += config.text_weight * read
        torch.testing.assert_close(vectors_BM[number], F.normalize(alone, dim=0), rtol=0, atol=2e-4)


def test_a_text_reads_alike_alone_and_beside_a_longer_one(model: WikiClip) -> None:
    alone = model.text(["egret"])
    beside = model.text(["egret", "heron " * 100])
    torch.testing.assert_close(beside.sentence_BT[0], alone.sentence_BT[0], rtol=0, atol=1e-4)
    assert not beside.padding_BL.any()  # nobody asked for tokens


def test_a_mention_is_what_the_tower_pools(model: WikiClip) -> None:
    mention = model.prepare_mention(picture().rgb, whole(60, 90))
    found = model.encode_mentions([mention])[0]
    np.testing.assert_allclose(found, F.normalize(model.pool_mentions([mention]), dim=-1)[0], atol=1e-5)
    as_record = model.encode_entities([model.prepare_entity("", picture())])[0]
    assert float(found @ as_record) == pytest.approx(1, abs=1e-4)


def test_an_adaptor_on_top_starts_at_the_sum(repositories: Path) -> None:
    plain = WikiClip(preset_of(repositories))
    preset = preset_of(repositories, adaptor=AdaptorConfig(width=32, heads=2))
    model = plain.varied(preset)
    assert isinstance(model.entity, VgkaEncoder)
    assert model.text is not plain.text  # the adaptor reads tokens
    features = model.entity_features([model.prepare_entity(text, picture() if has else None) for text, has in RECORDS])
    assert features.padding_BL[2:].all()
    lengths = (~features.padding_BL).sum(dim=1).tolist()
    assert lengths[0] > lengths[1] > 0
    expected = plain.encode_entities([plain.prepare_entity(t, picture() if has else None) for t, has in RECORDS[:3]])
    with torch.inference_mode():
        np.testing.assert_allclose(model.entity(features)[:3], expected, atol=2e-4)


def test_words_have_the_share_that_a_score_loses_without_them(model: WikiClip) -> None:
    text = "heron: a bird that wades"
    told = explain(model, pair(model, picture().rgb, whole(60, 90), text, None))
    assert told.attention_GG is None
    assert [word for word, _ in told.words] == text.split()
    assert sum(share for _, share in told.words) == pytest.approx(1)
    mention = model.encode_mentions([model.prepare_mention(picture().rgb, whole(60, 90))])[0]
    words = text.split()
    without = [" ".join(words[:n] + words[n + 1 :]) for n in range(len(words))]
    entities = [model.encode_entities([model.prepare_entity(one, None)])[0] for one in [text, *without]]
    scores = np.array([mention @ entity for entity in entities])
    lost = np.maximum(scores[0] - scores[1:], 0)
    if lost.sum() > 1e-3:
        np.testing.assert_allclose([share for _, share in told.words], lost / lost.sum(), atol=0.05)


@pytest.mark.parametrize(
    "changes",
    [
        {"fusion": None},
        {"text": TextBackbone(model="other")},
        {"space": PRESETS["tiny"].space},
    ],
)
def test_presets_that_fit_together_in_no_way_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(WikiClipError):
        replace(PRESETS["clip"], **changes)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (-1.0, 1.0), (1.0, float("nan"))])
def test_weights_that_leave_an_entity_without_a_vector_are_refused(weights: tuple[float, float]) -> None:
    with pytest.raises(WikiClipError):
        FusionConfig(picture_weight=weights[0], text_weight=weights[1])


@pytest.mark.parametrize("name", ["clip-small", "clip", "clip-large"])
def test_a_preset_is_the_same_after_json(name: str) -> None:
    assert Preset.from_json(PRESETS[name].to_json()) == PRESETS[name]
