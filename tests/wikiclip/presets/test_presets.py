"""Presets: what they promise, and back and forth through JSON."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import wikiclip.towers.torchvision_guard  # noqa: F401  (lets open_clip import torchvision)
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import (
    PRESETS,
    AdaptorConfig,
    MentionConfig,
    Preset,
    PresetName,
    SemanticTokens,
    SpaceConfig,
)

import open_clip  # isort: skip


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_json_and_back(preset: Preset) -> None:
    again = Preset.from_json(json.loads(json.dumps(preset.to_json())))
    assert again == preset
    assert hash(again) == hash(preset)


def test_a_field_that_an_older_checkpoint_lacks_has_its_default() -> None:
    values = PRESETS["tiny"].to_json()
    del values["adaptor"]["residual"]
    assert Preset.from_json(values) == PRESETS["tiny"]
    del values["vision"]["levels"]
    assert Preset.from_json(values).vision == replace(PRESETS["tiny"].vision, levels=None)


def test_a_checkpoint_from_before_there_were_tokens_and_masked_attention_is_read() -> None:
    values = PRESETS["tiny"].to_json()
    del values["mention"]["tokens"]
    for key in ("masked_blocks", "alpha", "alpha_sha256"):
        del values["vision"][key]
    assert Preset.from_json(values) == PRESETS["tiny"]


@pytest.mark.parametrize(
    ("mention", "vision"),
    [
        (MentionConfig(form="tokens", tokens=SemanticTokens(own="crop", segmenter="sam", most=3, weight=-0.5)), {}),
        (MentionConfig(form="masked"), {"levels": None, "masked_blocks": 4}),
        (MentionConfig(form="masked"), {"levels": None, "alpha": "alpha.pt", "alpha_sha256": "0" * 64}),
        (MentionConfig(form="masked"), {}),
    ],
)
def test_forms_go_through_json(mention: MentionConfig, vision: dict[str, Any]) -> None:
    tiny = PRESETS["tiny"]
    preset = replace(tiny, mention=mention, vision=replace(tiny.vision, **vision))
    again = Preset.from_json(json.loads(json.dumps(preset.to_json())))
    assert again == preset
    assert hash(again) == hash(preset)


@pytest.mark.parametrize(
    ("mention", "vision", "match"),
    [
        ({"form": "masked"}, {"levels": None}, "for a tower that is told the mask"),
        ({"form": "tokens"}, {"levels": None, "masked_blocks": 1}, "sees what the mask covers"),
        ({"form": "tokens"}, {"levels": None, "alpha": "alpha.pt"}, "sees what the mask covers"),
        ({}, {"masked_blocks": 1}, "told the mask in one way"),
        ({}, {"alpha": "alpha.pt"}, "told the mask in one way"),
        ({}, {"levels": None, "masked_blocks": -1}, "0 or more, not -1"),
        ({"tokens": {"most": 0}}, {}, "attends to 1 token or more"),
        ({"tokens": {"temperature": 0.0}}, {}, "temperature above 0"),
        ({"tokens": {"temperature": math.inf}}, {}, "temperature above 0|does not describe"),
        ({"tokens": {"weight": math.nan}}, {}, "are finite|does not describe"),
        ({"tokens": {"own": "full"}}, {}, "does not describe"),
        ({"tokens": {"depth": 3}}, {}, "does not describe"),
        ({"tokens": None}, {}, "does not describe"),
    ],
)
def test_forms_that_no_tower_can_have_are_refused_in_one_sentence(
    mention: dict[str, Any], vision: dict[str, Any], match: str
) -> None:
    values = PRESETS["tiny"].to_json()
    values["mention"].update(mention)
    values["vision"].update(vision)
    with pytest.raises(WikiClipError, match=match):
        Preset.from_json(values)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.clear(),
        lambda values: values.pop("name"),
        lambda values: values.pop("space"),
        lambda values: values.pop("text"),
        lambda values: values["vision"].pop("architecture"),
        lambda values: values["adaptor"].update(depth=2),
        lambda values: values["adaptor"].update(width="256"),
        lambda values: values["adaptor"].update(width=256.5),
        lambda values: values["adaptor"].update(residual=1),
        lambda values: values["adaptor"].update(grid="all"),
        lambda values: values["mention"].update(form="ellipse"),
        lambda values: values["vision"].update(mean=None),
        lambda values: values["vision"].update(mean=[0.5, 0.5]),
        lambda values: values["vision"].update(mean="123"),
        lambda values: values["vision"].update(image_size=True),
        lambda values: values["vision"].update(levels=[3, 4]),
        lambda values: values["vision"]["levels"].update(stages="345"),
        lambda values: values["vision"]["levels"].update(stages=[3.5]),
        lambda values: values["vision"]["levels"].update(depth=2),
        lambda values: values.update(vision="EVA"),
        lambda values: values.update(space=[256, 1000]),
        lambda values: values.update(name=7),
    ],
)
def test_what_does_not_describe_a_preset_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    values = json.loads(json.dumps(PRESETS["tiny"].to_json()))
    change(values)
    with pytest.raises(WikiClipError, match="does not describe a preset"):
        Preset.from_json(values)


@pytest.mark.parametrize(("width", "heads"), [(256, 3), (7, 8), (8, 0), (8, -1)])
def test_heads_share_the_width(width: int, heads: int) -> None:
    with pytest.raises(WikiClipError, match=f"not {width} of {heads}"):
        AdaptorConfig(width=width, heads=heads)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("adaptor", {"width": 0}),
        ("adaptor", {"width": -4}),
        ("adaptor", {"layers": 0}),
        ("adaptor", {"grid": 0}),
        ("adaptor", {"dropout": 2.0}),
        ("adaptor", {"dropout": -0.1}),
        ("space", {"width": 0}),
        ("space", {"classes": 0}),
        ("space", {"temperature": 0.0}),
        ("space", {"temperature": math.nan}),
        ("space", {"picture_weight": math.inf}),
    ],
)
def test_sizes_that_no_model_can_have_are_refused_in_one_sentence(part: str, change: dict[str, float]) -> None:
    values = PRESETS["tiny"].to_json()
    values[part].update(change)
    with pytest.raises(WikiClipError, match=r"must be a multiple|has layers|has a width|does not describe"):
        Preset.from_json(values)


def test_a_preset_is_found_by_its_name() -> None:
    assert all(preset.name == name for name, preset in PRESETS.items())
    assert list(PRESETS) == [*PresetName]


def test_tiny_comes_from_packages_and_is_checked() -> None:
    tiny = PRESETS["tiny"]
    assert tiny.vision.weights.startswith("package:")
    assert tiny.text.model.startswith("package:")
    assert tiny.vision.sha256 is not None
    assert tiny.text.sha256 is not None
    assert isinstance(tiny.space, SpaceConfig)
    assert tiny.space.classes == 1000


@pytest.mark.parametrize("name", ["base", "s", "l"])
def test_the_larger_presets_name_weights_that_open_clip_offers(name: str) -> None:
    preset = PRESETS[name]
    offered = open_clip.get_pretrained_cfg(preset.vision.architecture, preset.vision.weights)
    assert offered, "open_clip knows the architecture with these weights"
    assert (
        preset.vision.image_size == open_clip.get_model_config(preset.vision.architecture)["vision_cfg"]["image_size"]
    )
    assert all(math.isclose(ours, theirs) for ours, theirs in zip(preset.vision.mean, offered["mean"], strict=True))
    assert all(math.isclose(ours, theirs) for ours, theirs in zip(preset.vision.std, offered["std"], strict=True))
    assert preset.space is None, "a tower trained with text is used as it is"
    assert preset.text.max_tokens == 256
    assert preset.adaptor.grid is None
    assert preset.adaptor.layers == 2


def test_presets_differ_where_they_are_said_to() -> None:
    small, large = PRESETS["s"], PRESETS["l"]
    assert replace(large, name="s", text=small.text) == small
    assert small.text.model != large.text.model
