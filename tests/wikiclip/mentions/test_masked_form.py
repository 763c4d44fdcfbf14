"""The form "masked" through the whole model: preset, checkpoint, batches, records, explanation."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.wikiclip.small_models import randomise
from tests.wikiclip.test_model import disc, entities, mentions, picture
from wikiclip.checkpoint import CONFIG
from wikiclip.explanation import explain, pair
from wikiclip.masks import whole
from wikiclip.mentions.mention import full_picture
from wikiclip.model import WikiClip
from wikiclip.pictures import Picture
from wikiclip.presets import MentionConfig, Preset, SemanticTokens
from wikiclip.towers.alpha import ALPHA

HEIGHT, WIDTH = 60, 90


@pytest.fixture(scope="module")
def alpha_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alpha") / "alpha.pt"
    torch.save({ALPHA: 0.3 * torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(5))}, path)
    return path


@pytest.fixture(scope="module", params=["attention", "alpha"])
def told(request: pytest.FixtureRequest, plain_preset: Preset, alpha_file: Path) -> WikiClip:
    """A tower that is told the mask, in either way."""
    way = {"masked_blocks": 1} if request.param == "attention" else {"alpha": str(alpha_file)}
    vision = replace(plain_preset.vision, **way)
    return randomise(WikiClip(replace(plain_preset, vision=vision, mention=MentionConfig(form="masked"))))


@pytest.mark.usefixtures("float32")
def test_the_tower_sees_the_full_picture_and_the_mask(told: WikiClip) -> None:
    view = full_picture(picture(), disc(), size=32, mean=told.mean_colour)
    seen = told.vision(torch.from_numpy(view.pixels_CHW[None]), torch.from_numpy(view.inside_HW[None]))
    prepared = told.prepare_mention(picture(), disc())
    torch.testing.assert_close(told.pool_mentions([prepared]), seen.pooled_BW)
    np.testing.assert_allclose(told.encode_mentions([prepared]), F.normalize(seen.pooled_BW, dim=-1), atol=1e-5)
    assert told.mention_frame(disc()) == (0, -15, 90, 75)


@pytest.mark.usefixtures("float32")
def test_regions_of_one_picture_are_told_apart_in_one_batch(told: WikiClip) -> None:
    cut = told.mention_cutter(picture())
    prepared = [cut(disc(x=25 + 10 * number)) for number in range(4)] + mentions(told)
    together = told.encode_mentions(prepared)
    assert len(np.unique(together.round(4), axis=0)) == 9
    for number, mention in enumerate(prepared):
        np.testing.assert_allclose(told.encode_mentions([mention])[0], together[number], atol=1e-5)


@pytest.mark.usefixtures("float32")
def test_a_trunk_pooled_at_several_depths_tells_them_apart_too(tiny: WikiClip) -> None:
    model = tiny.varied(replace(tiny.preset, mention=MentionConfig(form="masked")))
    cut, masks = model.mention_cutter(picture()), [disc(x=20 + 25 * number, radius=12) for number in range(3)]
    together = model.pool_mentions([cut(mask) for mask in masks])
    for number, mask in enumerate(masks):
        (apart,) = model.pool_mentions([model.prepare_mention(picture(), mask)])
        torch.testing.assert_close(together[number], apart, rtol=1e-3, atol=1e-3)
    assert float(torch.cosine_similarity(together[0], together[2], dim=0)) < 0.99


@pytest.mark.usefixtures("float32")
def test_it_is_saved_and_loaded(told: WikiClip, tmp_path: Path) -> None:
    told.save(tmp_path, made_by={})
    loaded = WikiClip.load(tmp_path)
    assert loaded.preset == told.preset
    np.testing.assert_array_equal(loaded.encode_mentions(mentions(loaded)), told.encode_mentions(mentions(told)))
    np.testing.assert_array_equal(loaded.encode_entities(entities(loaded)), told.encode_entities(entities(told)))


@pytest.mark.usefixtures("float32")
def test_what_is_transparent_in_a_record_s_picture_is_hidden(told: WikiClip) -> None:
    view = told.prepare_entity("", Picture(picture(), disc())).view
    assert view is not None
    features = told.entity_features([told.prepare_entity("", Picture(picture(), disc()))])
    pixels, inside = torch.from_numpy(view.pixels_CHW[None]), torch.from_numpy(view.inside_HW[None])
    torch.testing.assert_close(features.pooled_BW, told.vision(pixels, inside).pooled_BW)
    assert not torch.allclose(features.pooled_BW, told.vision(pixels).pooled_BW, atol=1e-3)


@pytest.mark.parametrize("form", ["masked", "tokens", "crop tokens"])
def test_every_form_is_explained(told: WikiClip, plain_preset: Preset, form: str) -> None:
    config = MentionConfig(form="tokens", tokens=SemanticTokens(own="crop" if form == "crop tokens" else "pooled"))
    model = told if form == "masked" else randomise(WikiClip(replace(plain_preset, mention=config)))
    made = pair(model, picture(), disc(x=30), "heron: a bird that wades", Picture(picture(1), None))
    explained = explain(model, made)
    score = float(model.encode_mentions([made.mention])[0] @ model.encode_entities([made.entity])[0])
    assert explained.score == pytest.approx(score, abs=2e-3)
    assert explained.similarity_GG.shape == (4, 4)
    assert np.isnan(explained.similarity_GG).any() == (form != "crop tokens")
    assert np.isfinite(explained.similarity_GG).any()


@pytest.mark.usefixtures("float32")
def test_a_model_that_attends_is_saved_and_loaded(plain_preset: Preset, tmp_path: Path) -> None:
    config = MentionConfig(form="tokens", tokens=SemanticTokens(most=3, weight=0.5, temperature=0.05))
    model = randomise(WikiClip(replace(plain_preset, mention=config)))
    model.save(tmp_path, made_by={})
    assert json.loads((tmp_path / CONFIG).read_text())["preset"]["mention"]["tokens"]["most"] == 3
    loaded = WikiClip.load(tmp_path)
    assert loaded.preset.mention == config
    np.testing.assert_array_equal(loaded.encode_mentions(mentions(loaded)), model.encode_mentions(mentions(model)))
    assert loaded.fit(whole(HEIGHT, WIDTH)) == pytest.approx(90 / 64)
