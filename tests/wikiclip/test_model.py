"""The two sides together: what is prepared, what is encoded, and that a saved model gives the same vectors."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from tests.wikiclip.small_models import randomise
from wikiclip.base.errors import WikiClipError
from wikiclip.checkpoint import CONFIG
from wikiclip.masks import Mask, bounds, whole
from wikiclip.mentions.mention import View, cut_out, full_picture, masked_crop
from wikiclip.mentions.views import MentionViews
from wikiclip.model import VIEWS_ON_CPU, PreparedEntity, PreparedMention, WikiClip
from wikiclip.pictures import Picture
from wikiclip.presets import MentionConfig, MentionForm, Preset, SpaceConfig

Vectors = NDArray[np.float32]

HEIGHT, WIDTH = 60, 90
FORMS = [form for form in get_args(MentionForm) if form != "masked"]  # which is for a tower that is told the mask


def picture(seed: int = 0) -> Image.Image:
    """Coarse noise in colour: a picture of its own for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def disc(x: int = 45, y: int = 30, radius: int = 18) -> Mask:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside: Mask = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    return inside


@pytest.fixture(scope="session")
def plain(plain_preset: Preset) -> WikiClip:
    """A CLIP tower and no mention space."""
    return randomise(WikiClip(plain_preset))


@pytest.fixture(scope="session")
def spaced(plain_preset: Preset) -> WikiClip:
    """The same tower with a mention space of its own width, and patches that are averaged to two by two."""
    preset = replace(
        plain_preset,
        name="spaced",
        adaptor=replace(plain_preset.adaptor, grid=2),
        space=SpaceConfig(width=24, classes=5),
    )
    return randomise(WikiClip(preset))


@pytest.fixture(params=["plain", "spaced"])
def model(request: pytest.FixtureRequest) -> WikiClip:
    made: WikiClip = request.getfixturevalue(request.param)
    return made


def with_mentions(model: WikiClip, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> WikiClip:
    preset = replace(model.preset, mention=MentionConfig(**changes))
    views = MentionViews(preset, size=model.vision.image_size, tower=lambda: model.vision)
    monkeypatch.setattr(model, "preset", preset)
    monkeypatch.setattr(model, "views", views)
    return model


def same(one: View, other: View) -> bool:
    return bool((one.pixels_CHW == other.pixels_CHW).all() and (one.inside_HW == other.inside_HW).all())


def entities(model: WikiClip) -> list[PreparedEntity]:
    """With picture and text, with one of them, with neither; and a picture with a transparent background."""
    return [
        model.prepare_entity("heron: the bird that wades in shallow water", Picture(picture(1), None)),
        model.prepare_entity("egret", Picture(picture(2), disc())),
        model.prepare_entity("", Picture(picture(3), None)),
        model.prepare_entity("heron: the bird", None),
        model.prepare_entity("  \n", None),
    ]


def mentions(model: WikiClip) -> list[PreparedMention]:
    return [model.prepare_mention(picture(seed), disc(x=20 + 9 * seed)) for seed in range(5)]


def assert_unit(vectors_BM: Vectors, count: int, width: int) -> None:
    assert vectors_BM.shape == (count, width)
    assert vectors_BM.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors_BM, axis=1), 1, rtol=1e-5)


# Preparing --------------------------------------------------------------------------------------------------------


def test_each_form_has_its_views(plain: WikiClip, monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask, mean = picture(), disc(), plain.mean_colour
    assert mean == (123, 117, 104)
    config = MentionConfig(margin=0.2, background=0.3)
    crop = masked_crop(image, mask, size=32, config=config, mean=mean)
    full = full_picture(image, mask, size=32, mean=mean)
    everything = full_picture(image, whole(HEIGHT, WIDTH), size=32, mean=mean)
    expected = {"crop": [crop], "pooled": [full], "full": [everything], "both": [crop, full], "tokens": [full]}
    assert expected.keys() == set(FORMS)
    for form, views in expected.items():
        with_mentions(plain, monkeypatch, form=form, margin=0.2, background=0.3)
        prepared = plain.prepare_mention(image, mask)
        assert len(prepared.views) == len(views)
        assert all(same(ours, theirs) for ours, theirs in zip(prepared.views, views, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_a_mask_of_the_whole_picture_shows_the_full_picture(
    plain: WikiClip, monkeypatch: pytest.MonkeyPatch, form: MentionForm
) -> None:
    with_mentions(plain, monkeypatch, form=form, margin=0.5)
    mask = whole(HEIGHT, WIDTH)
    full = full_picture(picture(), mask, size=32, mean=plain.mean_colour)
    assert all(same(view, full) for view in plain.prepare_mention(picture(), mask).views)


def test_what_is_transparent_is_outside_an_entity(plain: WikiClip) -> None:
    size, mean = 32, plain.mean_colour
    cut_out = plain.prepare_entity("", Picture(picture(), disc())).view
    assert cut_out is not None
    assert same(cut_out, masked_crop(picture(), disc(), size=size, config=plain.preset.mention, mean=mean))
    for opaque in (None, whole(HEIGHT, WIDTH), ~whole(HEIGHT, WIDTH)):
        view = plain.prepare_entity("", Picture(picture(), opaque)).view
        assert view is not None
        shown = full_picture(picture(), whole(HEIGHT, WIDTH), size=size, mean=mean)
        assert (view.pixels_CHW == shown.pixels_CHW).all(), "nothing to cut out: the picture as it is"
    assert plain.prepare_entity("text", None) == PreparedEntity("text", None)


def test_a_record_s_picture_is_cut_without_the_margin_of_mentions(
    plain: WikiClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_mentions(plain, monkeypatch, margin=0.5, background=0.3)
    view = plain.prepare_entity("", Picture(picture(), disc())).view
    config = MentionConfig(margin=0.0, background=0.3)
    assert view is not None
    assert same(view, cut_out(picture(), disc(), size=32, config=config, mean=plain.mean_colour))
    left, top, right, bottom = bounds(disc())
    frame = plain.entity_frame(Picture(picture(), disc()))
    assert frame[2] - frame[0] == max(right - left, bottom - top)


def test_views_are_the_same_on_every_thread(plain: WikiClip) -> None:
    here = [plain.prepare_mention(picture(seed), disc()).views[0] for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        there = list(pool.map(lambda seed: plain.prepare_mention(picture(seed), disc()).views[0], range(8)))
    assert all(same(one, other) for one, other in zip(here, there, strict=True))


# Mentions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [form for form in FORMS if form != "tokens"])  # test_semantic_tokens.py has that
@pytest.mark.usefixtures("float32")
@torch.inference_mode()
def test_each_form_pools_as_it_says(plain: WikiClip, monkeypatch: pytest.MonkeyPatch, form: MentionForm) -> None:
    with_mentions(plain, monkeypatch, form=form)
    image, mask = picture(), disc(x=30)
    crop = masked_crop(image, mask, size=32, config=plain.preset.mention, mean=plain.mean_colour)
    full = full_picture(image, mask, size=32, mean=plain.mean_colour)
    cropped, seen = (plain.vision(torch.from_numpy(view.pixels_CHW[None])) for view in (crop, full))
    # The tower has four by four patches of eight by eight pixels.
    share_P = torch.from_numpy(full.inside_HW.reshape(4, 8, 4, 8).mean(axis=(1, 3)).flatten())
    under_mask_BW = (share_P / share_P.sum()) @ seen.patches_BPV[0] @ plain.vision.network.proj
    expected = {
        "crop": cropped.pooled_BW[0],
        "pooled": under_mask_BW,
        "both": F.normalize(cropped.pooled_BW[0], dim=-1) + F.normalize(under_mask_BW, dim=-1),
        "full": seen.pooled_BW[0],
    }[form]
    prepared = plain.prepare_mention(image, mask)
    torch.testing.assert_close(plain.pool_mentions([prepared])[0], expected)
    assert_unit(plain.encode_mentions([prepared]), 1, 48)
    np.testing.assert_allclose(plain.encode_mentions([prepared])[0], F.normalize(expected, dim=-1), atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("float32")
def test_a_mention_does_not_depend_on_its_batch(
    model: WikiClip, monkeypatch: pytest.MonkeyPatch, form: MentionForm
) -> None:
    with_mentions(model, monkeypatch, form=form)
    prepared = mentions(model)
    together = model.encode_mentions(prepared)
    assert_unit(together, 5, model.mention_width)
    assert len(np.unique(together.round(3), axis=0)) == 5
    for number, mention in enumerate(prepared):
        np.testing.assert_allclose(model.encode_mentions([mention])[0], together[number], atol=1e-5)


@pytest.mark.usefixtures("float32")
def test_more_views_than_one_forward_pass_takes(plain: WikiClip) -> None:
    one, other = mentions(plain)[:2]
    many = [one] * VIEWS_ON_CPU + [other] * 3
    encoded = plain.encode_mentions(many)
    assert_unit(encoded, VIEWS_ON_CPU + 3, 48)
    np.testing.assert_allclose(encoded[:VIEWS_ON_CPU], encoded[:1].repeat(VIEWS_ON_CPU, axis=0), atol=1e-5)
    np.testing.assert_allclose(encoded[VIEWS_ON_CPU:], plain.encode_mentions([other]).repeat(3, axis=0), atol=1e-5)


def test_a_crop_sees_nothing_but_the_mask(model: WikiClip) -> None:
    image, mask = picture(), disc(x=30)
    beside = np.array(image)
    beside[:, 70:] = 0
    here, there, moved = model.encode_mentions(
        [
            model.prepare_mention(image, mask),
            model.prepare_mention(Image.fromarray(beside), mask),
            model.prepare_mention(image, disc(x=60)),
        ]
    )
    np.testing.assert_allclose(here, there, atol=1e-5)
    assert np.abs(here - moved).max() > 1e-2


# Entities ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("float32")
def test_every_kind_of_record_becomes_a_unit_vector_whatever_its_batch(model: WikiClip) -> None:
    prepared = entities(model)
    together = model.encode_entities(prepared)
    assert_unit(together, 5, model.mention_width)
    assert len(np.unique(together.round(3), axis=0)) == 5
    backwards = model.encode_entities(prepared[::-1])[::-1]
    np.testing.assert_allclose(backwards, together, atol=1e-5)
    for number, entity in enumerate(prepared):
        np.testing.assert_allclose(model.encode_entities([entity])[0], together[number], atol=1e-5)


@pytest.mark.usefixtures("float32")
@torch.inference_mode()
def test_features_are_those_of_the_frozen_encoders(model: WikiClip) -> None:
    prepared = entities(model)
    features = model.entity_features(prepared)
    assert features.has_picture_B.tolist() == [True, True, True, False, False]
    assert features.padding_BL.all(dim=1).tolist() == [False, False, True, False, True]
    assert not features.sentence_BT[[2, 4]].any()
    assert not features.patches_BPV[3:].any()
    assert not features.pooled_BW[3:].any()
    for number in (0, 3):
        alone = model.text([prepared[number].text])
        kept_L = ~features.padding_BL[number]
        torch.testing.assert_close(features.tokens_BLT[number][kept_L], alone.tokens_BLT[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(features.sentence_BT[number], alone.sentence_BT[0], rtol=0, atol=1e-5)
    for number in (0, 1, 2):
        view = prepared[number].view
        assert view is not None
        seen = model.vision(torch.from_numpy(view.pixels_CHW[None]))
        patches_PV: Tensor = seen.patches_BPV[0]
        if model.preset.adaptor.grid == 2:
            quarters = patches_PV.reshape(
                2, 2, 2, 2, -1
            )  # row of quarters, row in it, column of quarters, column in it
            patches_PV = quarters.mean(dim=(1, 3)).flatten(0, 1)
        torch.testing.assert_close(features.patches_BPV[number], patches_PV, rtol=0, atol=1e-5)
        torch.testing.assert_close(features.pooled_BW[number], seen.pooled_BW[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.encode_entities(prepared), model.entity(features), atol=1e-6)


def test_text_and_picture_both_count(model: WikiClip) -> None:
    shown, other_text, other_picture = model.encode_entities(
        [
            model.prepare_entity("heron", Picture(picture(1), None)),
            model.prepare_entity("egret", Picture(picture(1), None)),
            model.prepare_entity("heron", Picture(picture(2), None)),
        ]
    )
    assert np.abs(shown - other_text).max() > 1e-3
    assert np.abs(shown - other_picture).max() > 1e-3


# Saving and loading -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("float32")
def test_a_saved_model_gives_the_same_vectors(model: WikiClip, tmp_path: Path) -> None:
    assert model.fingerprint == "untrained"
    model.save(tmp_path / "model", made_by={"test": 1})
    loaded = WikiClip.load(tmp_path / "model")
    assert loaded.preset == model.preset
    assert loaded.name == model.name
    assert loaded.mention_width == model.mention_width
    np.testing.assert_array_equal(loaded.encode_mentions(mentions(loaded)), model.encode_mentions(mentions(model)))
    np.testing.assert_array_equal(loaded.encode_entities(entities(loaded)), model.encode_entities(entities(model)))
    loaded.save(tmp_path / "again", made_by={"test": 2})
    assert WikiClip.load(str(tmp_path / "again")).fingerprint == loaded.fingerprint
    next(iter(loaded.entity.state_dict().values()))[0] += 1
    loaded.save(tmp_path / "other", made_by={"test": 1})
    assert WikiClip.load(tmp_path / "other").fingerprint != loaded.fingerprint


def test_a_checkpoint_is_found_from_where_one_stands(
    plain: WikiClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.save(tmp_path / "mine", made_by={})
    monkeypatch.chdir(tmp_path)
    assert WikiClip.load("mine").name == "plain"
    with pytest.raises(WikiClipError, match="no-such-model is not a checkpoint"):
        WikiClip.load("no-such-model")


@pytest.mark.parametrize(
    "change",
    [
        lambda preset: preset["adaptor"].update(width=64),
        lambda preset: preset["adaptor"].update(layers=1),
        lambda preset: preset["adaptor"].update(layers=3),
        lambda preset: preset["adaptor"].update(grid=3),
        lambda preset: preset.update(space={"width": 24, "classes": 5}),
    ],
)
def test_weights_of_another_shape_than_the_preset_are_refused(
    plain: WikiClip, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    plain.save(tmp_path, made_by={})
    config = json.loads((tmp_path / CONFIG).read_text())
    change(config["preset"])
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(WikiClipError, match="do not fit its preset"):
        WikiClip.load(tmp_path)


# The real one -----------------------------------------------------------------------------------------------------


def test_tiny_encodes_both_sides(tiny: WikiClip) -> None:
    assert (tiny.name, tiny.mention_width, tiny.vision.grid) == ("tiny", 256, 7)
    assert (tiny.vision.patch_width, tiny.vision.pooled_width, tiny.text.width) == (1280, 1280 + 88 + 120 + 208, 384)
    queries_BM, rows_BM = tiny.encode_mentions(mentions(tiny)), tiny.encode_entities(entities(tiny))
    assert_unit(queries_BM, 5, 256)
    assert_unit(rows_BM, 5, 256)
    for number in (0, 4):  # bfloat16 rounds differently in batches of different sizes
        assert queries_BM[number] @ tiny.encode_mentions(mentions(tiny)[number : number + 1])[0] > 0.999
        assert rows_BM[number] @ tiny.encode_entities(entities(tiny)[number : number + 1])[0] > 0.999


def test_tiny_is_saved_and_loaded(tiny: WikiClip, tmp_path: Path) -> None:
    tiny.save(tmp_path / "tiny", made_by={})
    assert (tmp_path / "tiny" / "model.safetensors").stat().st_size < 10 * 1024 * 1024
    loaded = WikiClip.load(tmp_path / "tiny")
    np.testing.assert_array_equal(loaded.encode_mentions(mentions(loaded)), tiny.encode_mentions(mentions(tiny)))
    np.testing.assert_array_equal(loaded.encode_entities(entities(loaded)), tiny.encode_entities(entities(tiny)))
