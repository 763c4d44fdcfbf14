"""A picture's segments as tokens: which there are, where they lie, and what a mention takes of them."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from tests.wikiclip.small_models import randomise
from wikiclip.masks import Mask, whole
from wikiclip.mentions.mention import full_cover
from wikiclip.mentions.semantic_tokens import SIDE, attended, places, segmented
from wikiclip.model import PreparedMention, WikiClip
from wikiclip.presets import MentionConfig, Preset, SemanticTokens
from wikiclip.segmenters import Prompt, open_segmenter
from wikiclip.towers.vision import VisionFeatures

HEIGHT, WIDTH = 60, 90


class Given:
    """A segmenter that proposes what it is given."""

    method, side = "given", 1000

    def __init__(self, masks: Sequence[Mask]) -> None:
        self._masks, self.asked = masks, 0

    def segment(self, image: Image.Image, prompt: Prompt, *, size: tuple[int, int] | None = None) -> list[Mask]:
        assert prompt is None
        self.asked += 1
        return list(self._masks)


def rectangle(top: int, left: int, bottom: int, right: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


SMALL, LARGE = rectangle(5, 5, 15, 20), rectangle(20, 30, 55, 80)


def picture(seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


# Segments -----------------------------------------------------------------------------------------------------------


def test_the_largest_come_first_and_what_is_left_over_is_one_of_them() -> None:
    left = ~(SMALL | LARGE)
    found = segmented(picture(), Given([SMALL, LARGE]), most=8)
    np.testing.assert_array_equal(found, np.stack([full_cover(mask, SIDE) for mask in (left, LARGE, SMALL)]))
    np.testing.assert_array_equal(segmented(picture(), Given([SMALL, LARGE]), most=2), found[:2])
    np.testing.assert_allclose(found.sum(axis=0)[SIDE // 2], 1, atol=0.01)
    assert not found[:, 0].any(), "the square's rim above a wide picture is no part of it"


def test_where_nothing_stands_out_the_picture_is_one_segment() -> None:
    everything = full_cover(whole(HEIGHT, WIDTH), SIDE)[None]
    for proposed in ([], [whole(HEIGHT, WIDTH)]):
        np.testing.assert_array_equal(segmented(picture(), Given(proposed), most=8), everything)
    specks = whole(HEIGHT, WIDTH)
    specks[0, :5] = False
    assert len(segmented(picture(), Given([specks]), most=8)) == 1, "a speck that is left over is none"


def test_a_real_segmenter_finds_what_lies_on_a_plain_ground() -> None:
    plain = np.full((480, 640, 3), 200, np.uint8)
    plain[100:200, 100:250], plain[250:400, 300:600] = (200, 30, 30), (20, 40, 180)
    cover_NSS = segmented(Image.fromarray(plain), open_segmenter("grabcut"), most=8)
    shares = cover_NSS.sum(axis=(1, 2)) / full_cover(whole(480, 640), SIDE).sum()
    things = [100 * 150 / 480 / 640, 150 * 300 / 480 / 640]
    np.testing.assert_allclose(shares, [1 - sum(things), *reversed(things)], atol=0.01)


# Attention ----------------------------------------------------------------------------------------------------------


def test_places_are_unit_vectors_that_tell_near_from_far() -> None:
    def place(mask: Mask) -> Tensor:
        return places(torch.from_numpy(full_cover(mask, SIDE))[None])[0]

    here = place(rectangle(10, 10, 30, 30))
    near, far, larger = (
        place(mask) for mask in (rectangle(12, 12, 32, 32), rectangle(35, 65, 55, 85), rectangle(0, 0, 60, 90))
    )
    assert float(here @ here) == pytest.approx(1, abs=1e-5)
    assert float(here @ near) > 0.95 > 0.6 > max(float(here @ far), float(here @ larger))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.floats(0.02, 2),
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.integers(0, 99),
)
def test_a_mention_attends_as_the_equation_says(
    counts: list[int], temperature: float, nearness: float, weight: float, seed: int
) -> None:
    """Against loops in float64, over numbers of tokens that differ."""
    config = SemanticTokens(temperature=temperature, nearness=nearness, weight=weight)
    generator = torch.Generator().manual_seed(seed)

    def units(*shape: int) -> Tensor:
        return F.normalize(torch.randn(*shape, generator=generator), dim=-1)

    batch, most = len(counts), max(counts)
    own_BW, own_BE, tokens_BTW, tokens_BTE = (
        units(batch, 6),
        units(batch, 4),
        units(batch, most, 6),
        units(batch, most, 4),
    )
    is_token_BT = torch.arange(most) < torch.tensor(counts)[:, None]
    found_BW = attended(own_BW, own_BE, tokens_BTW, tokens_BTE, is_token_BT, config)
    for number, count in enumerate(counts):
        own, place = own_BW[number].double(), own_BE[number].double()
        scores = [
            float(own @ tokens_BTW[number, token].double() + nearness * (place @ tokens_BTE[number, token].double()))
            for token in range(count)
        ]
        powers = [math.exp((score - max(scores)) / temperature) for score in scores]
        expected = own.clone()
        for token, power in enumerate(powers):
            expected += weight * power / sum(powers) * tokens_BTW[number, token].double()
        torch.testing.assert_close(found_BW[number].double(), expected, rtol=0, atol=1e-4)


# In a model ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(plain_preset: Preset) -> WikiClip:
    return randomise(WikiClip(plain_preset))


def in_form(model: WikiClip, form: str, segmenter: Given | None = None, **tokens: object) -> WikiClip:
    config = MentionConfig(form=form, margin=0.1, background=0.6, tokens=SemanticTokens(**tokens))
    varied = model.varied(replace(model.preset, mention=config))
    if segmenter is not None:
        varied.segmenters[config.tokens.segmenter] = segmenter
    return varied


@pytest.mark.parametrize("own", ["pooled", "crop"])
@pytest.mark.usefixtures("float32")
@torch.inference_mode()
def test_a_mention_and_what_it_attends_to(plain: WikiClip, own: str) -> None:
    model = in_form(plain, "tokens", Given([SMALL, LARGE]), own=own, weight=0.5)
    (own_W,) = in_form(plain, own).pool_mentions([in_form(plain, own).prepare_mention(picture(), SMALL)])
    (full,) = in_form(plain, "pooled").prepare_mention(picture(), SMALL).views
    seen = plain.see([full])
    inside_NSS = torch.from_numpy(segmented(picture(), Given([SMALL, LARGE]), most=8))
    tokens = []
    for inside_SS in inside_NSS:
        weights_1P = inside_SS.reshape(4, 16, 4, 16).mean(dim=(1, 3)).reshape(1, 16)
        tokens.append(F.normalize(plain.vision.pool(seen, weights_1P)[0], dim=-1))
    expected = attended(
        F.normalize(own_W, dim=-1)[None],
        places(torch.from_numpy(full.inside_HW)[None]),
        torch.stack(tokens)[None],
        places(inside_NSS)[None],
        torch.ones(1, 3, dtype=torch.bool),
        model.preset.mention.tokens,
    )
    prepared = model.prepare_mention(picture(), SMALL)
    assert len(prepared.views) == (2 if own == "crop" else 1)
    torch.testing.assert_close(model.pool_mentions([prepared]), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("own", ["pooled", "crop"])
@pytest.mark.usefixtures("float32")
def test_without_weight_it_is_the_mention_alone(plain: WikiClip, own: str) -> None:
    alone, attending = in_form(plain, own), in_form(plain, "tokens", Given([LARGE]), own=own, weight=0.0)
    found, expected = (model.encode_mentions([model.prepare_mention(picture(), SMALL)]) for model in (attending, alone))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.usefixtures("float32")
def test_numbers_of_tokens_may_differ_in_a_batch(plain: WikiClip) -> None:
    model, mentions = in_form(plain, "tokens", weight=0.5), list[PreparedMention]()
    for seed, proposed in enumerate([[], [SMALL], [SMALL, LARGE, rectangle(0, 0, 4, 90)]]):
        model.segmenters["grabcut"] = Given(proposed)
        mentions += [model.prepare_mention(picture(seed), mask) for mask in (SMALL, LARGE)]
    assert [len(mention.segments) for mention in mentions if mention.segments is not None] == [1, 1, 2, 2, 4, 4]
    together = model.encode_mentions(mentions)
    for number, mention in enumerate(mentions):
        np.testing.assert_allclose(model.encode_mentions([mention])[0], together[number], atol=1e-5)
    assert len(np.unique(together.round(4), axis=0)) == 6


@pytest.mark.parametrize("form", ["pooled", "full", "both", "tokens"])
@pytest.mark.usefixtures("float32")
def test_sixteen_regions_of_a_picture_are_segmented_and_seen_once(
    plain: WikiClip, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter, views = Given([LARGE]), list[int]()
    model = in_form(plain, form, segmenter)
    see = model.see

    def counted(some: Sequence[object]) -> VisionFeatures:
        views.append(len(some))
        return see(some)

    monkeypatch.setattr(model, "see", counted)
    cut = model.mention_cutter(picture())
    masks = [rectangle(top, left, top + 10, left + 20) for top in (0, 10, 20, 30) for left in (0, 20, 40, 60)]
    together = model.encode_mentions([cut(mask) for mask in masks])
    assert views == [17 if form == "both" else 1]
    assert segmenter.asked == (1 if form == "tokens" else 0)
    apart = np.concatenate([model.encode_mentions([model.prepare_mention(picture(), mask)]) for mask in masks])
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_a_smaller_copy_of_the_picture_gives_nearly_the_same(tiny: WikiClip) -> None:
    large = picture().resize((900, 600), Image.Resampling.BICUBIC)
    mask = np.asarray(Image.fromarray(LARGE).resize((900, 600)))
    config = MentionConfig(form="tokens")
    model = tiny.varied(replace(tiny.preset, mention=config))
    small = large.reduce(2)
    whole_1M, half_1M = (
        model.pool_mentions([model.prepare_mention(image, mask, shrunk=shrunk)])
        for image, shrunk in ((large, 1), (small, 2))
    )
    assert float(torch.cosine_similarity(whole_1M, half_1M)) > 0.99
