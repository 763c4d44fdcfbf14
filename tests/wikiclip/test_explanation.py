"""The explanation against a slow one that is written from the equations: one head, one patch, one token at a time."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from tests.wikiclip.small_models import randomise
from wikiclip.explanation import Pair, carried, explain, pair
from wikiclip.masks import Mask, whole
from wikiclip.model import WikiClip
from wikiclip.pictures import Picture
from wikiclip.presets import Preset

TEXT = "heron: a white  bird that wades"


@pytest.fixture(scope="module")
def model(plain_preset: Preset) -> WikiClip:
    return randomise(WikiClip(plain_preset))


def picture(seed: int, size: tuple[int, int] = (90, 60)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def left_half() -> Mask:
    mask = np.zeros((60, 90), dtype=np.bool_)
    mask[10:50, 5:25] = True
    return mask


def case(model: WikiClip, mask: Mask, *, text: str = TEXT, pictured: bool = True) -> Pair:
    return pair(model, picture(0), mask, text, Picture(picture(1), None) if pictured else None)


def slow_carried(model: WikiClip, made: Pair) -> np.ndarray:
    """[P, L], in float64."""
    features = model.entity_features([made.entity])
    adaptor = model.entity.adaptor
    with torch.inference_mode():
        x, text, padding = adaptor.begin(
            features.patches_BPV, features.has_picture_B, features.tokens_BLT, features.padding_BL
        )
        total = np.zeros((x.shape[1], text.shape[1]))
        for layer in adaptor.layers:
            asked, answers = layer.norm_patches(x)[0].double(), layer.norm_text(text)[0].double()
            width, heads = layer.attention.embed_dim, layer.attention.num_heads
            weights = layer.attention.in_proj_weight.double().split(width)
            biases = layer.attention.in_proj_bias.double().split(width)
            out = layer.attention.out_proj.weight.double()
            q, k, v = (side @ w.T + b for side, w, b in zip((asked, answers, answers), weights, biases, strict=True))
            size = width // heads
            for head in range(heads):
                part = slice(head * size, (head + 1) * size)
                for patch in range(len(q)):
                    scores = [float(q[patch, part] @ k[token, part]) / math.sqrt(size) for token in range(len(k))]
                    powers = [0.0 if padding[0, t] else math.exp(s - max(scores)) for t, s in enumerate(scores)]
                    for token, power in enumerate(powers):
                        moved = power / sum(powers) * (out[:, part] @ v[token, part])
                        total[patch, token] += float(moved.norm()) / heads
            x = layer(x, text, padding)
    return total


@pytest.mark.parametrize("pictured", [True, False])
def test_what_is_carried_equals_the_equations(model: WikiClip, pictured: bool) -> None:
    made = case(model, whole(60, 90), pictured=pictured)
    with torch.inference_mode():
        found = carried(model.entity.adaptor, model.entity_features([made.entity]))
    np.testing.assert_allclose(found, slow_carried(model, made), rtol=1e-3, atol=1e-7)


def test_words_and_patches_share_what_is_carried(model: WikiClip) -> None:
    made = case(model, whole(60, 90))
    told, carried_PL = explain(model, made), slow_carried(model, made)
    places = model.text.places(TEXT)
    assert [word for word, _ in told.words] == ["heron:", "a", "white", "bird", "that", "wades"]
    tokens = [number for number, (start, end) in enumerate(places) if end > start]
    assert [TEXT[slice(*places[number])] for number in tokens] == ["heron:", "a", "white", "bird", "that", "wades"]
    shares_L = carried_PL[:, tokens].sum(axis=0) / carried_PL[:, tokens].sum()
    np.testing.assert_allclose([weight for _, weight in told.words], shares_L, rtol=1e-3)
    assert told.attention_GG is not None
    shares_P = carried_PL[:, tokens].sum(axis=1) / carried_PL[:, tokens].sum()
    np.testing.assert_allclose(told.attention_GG.ravel(), shares_P, rtol=1e-3)
    assert np.ptp(shares_P) > 0


def test_the_score_is_the_cosine_of_the_two_vectors(model: WikiClip) -> None:
    made = case(model, left_half())
    expected = float(model.encode_mentions([made.mention])[0] @ model.encode_entities([made.entity])[0])
    assert explain(model, made).score == pytest.approx(expected, abs=1e-6)


def test_a_patch_is_compared_as_a_mention_of_that_patch_alone(model: WikiClip) -> None:
    made = case(model, left_half())
    told = explain(model, made)
    entity_M = model.encode_entities([made.entity])[0]
    (view,) = made.mention.views
    seen = model.see([view])
    side, size = model.vision.grid, model.vision.image_size // model.vision.grid
    for patch in range(side * side):
        row, column = divmod(patch, side)
        inside = view.inside_HW[row * size : (row + 1) * size, column * size : (column + 1) * size]
        if not inside.any():
            assert np.isnan(told.similarity_GG[row, column])
            continue
        only = torch.zeros(1, side * side)
        only[0, patch] = 1
        with torch.inference_mode():
            alone_M = model.entity.mention(model.vision.pool(seen, only))[0].numpy()
        assert told.similarity_GG[row, column] == pytest.approx(float(alone_M @ entity_M), abs=1e-5)
    assert np.isnan(told.similarity_GG).any()


def test_frames_are_the_squares_that_the_views_show(model: WikiClip) -> None:
    assert case(model, left_half()).mention_square == (-5.0, 10.0, 35.0, 50.0)
    made = case(model, whole(60, 90))
    assert made.mention_square == made.entity_square == (0.0, -15.0, 90.0, 75.0)


def test_without_a_picture_there_is_no_map_of_it(model: WikiClip) -> None:
    made = case(model, left_half(), pictured=False)
    told = explain(model, made)
    assert made.entity_square is None
    assert told.attention_GG is None
    assert sum(weight for _, weight in told.words) == pytest.approx(1)


def test_words_past_what_is_read_are_left_out(model: WikiClip) -> None:
    told = explain(model, case(model, whole(60, 90), text=" ".join(["heron"] * 1000)))
    assert 0 < len(told.words) < 1000
    assert explain(model, case(model, whole(60, 90), text="")).words == []
