"""Counted operations against arithmetic by hand, and what follows from them."""

import dataclasses

import pytest
from typer.testing import CliRunner

from training.data.releases.release import Part
from training.data.source import DataName, DataOptions, Tasks
from training.learn.config import TrainConfig
from training.recipes.__main__ import app
from training.recipes.cost import PICTURED, Cost, cost_of, mentions_of
from training.recipes.operations import Operations, operations_of
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PRESETS

OVEN = DataOptions(data=DataName.OVEN, tasks=Tasks.ENTITY)
CONFIG = TrainConfig(epochs=1.0, annotated=100, own=100, synthesized=8, drop_picture=0.0, text_negatives=0)


@pytest.fixture(scope="module")
def base() -> Operations:
    return operations_of(PRESETS["base"])


def test_the_counts_are_those_of_the_architectures(base: Operations) -> None:
    """ViT-B/16 and a BERT of 12 layers: two operations a weight and token, and attention over all pairs of tokens."""
    width, layers, tokens = 768, 12, 197
    vision = layers * (2 * 12 * width**2 * tokens + 4 * tokens**2 * width) + 2 * width * width * (tokens - 1)
    assert base.picture == pytest.approx(vision, rel=0.001)
    width, tokens = 384, 256
    assert base.description == pytest.approx(layers * (2 * 12 * width**2 * tokens + 4 * tokens**2 * width), rel=0.001)
    patches, width = 196, 512
    layer = 2 * width**2 * (2 * patches + 2 * tokens + 8 * patches) + 4 * patches * tokens * width
    adaptor = 2 * layer + 2 * width * (768 * patches + 384 * tokens + 512)
    assert base.item == pytest.approx(adaptor, rel=0.001)
    assert 1.8 * base.item < base.item_backward < 2 * base.item, "the towers take no gradient"
    assert (base.patches_bytes, base.tokens_bytes, base.pooled_bytes) == (2 * 196 * 768, 2 * 256 * 384, 4 * 512)


def test_what_an_item_keeps_is_a_few_times_its_hidden_states(base: Operations) -> None:
    hidden = 4 * 196 * 512 * 4 * 2 * 2  # before and after GELU, in each of two layers, in single precision
    assert hidden < base.item_bytes < 5 * hidden


@pytest.mark.parametrize(
    ("options", "mentions"),
    [
        ({"data": DataName.OVEN, "tasks": Tasks.ENTITY}, 1_000_000),
        ({"data": DataName.OVEN, "tasks": Tasks.ENTITY, "per_entity": 10}, 79_430),
        ({"data": DataName.MASKOVEN, "part": Part.WIKI}, 1_965_145),
        ({"data": DataName.MASKOVEN, "tasks": Tasks.ENTITY}, 200 * 7_943),
        ({"data": DataName.MASKOVEN, "tasks": Tasks.QUERY}, 23_514),
    ],
)
def test_mentions_are_the_releases(options: dict[str, object], mentions: int) -> None:
    assert mentions_of(DataOptions(**options)) == mentions  # type: ignore[arg-type]


def changed(base: Operations, **changes: object) -> Cost:
    return cost_of(OVEN, dataclasses.replace(CONFIG, **changes), base)  # type: ignore[arg-type]


def test_a_cost_is_the_sum_of_its_parts(base: Operations) -> None:
    plain = changed(base)
    assert (plain.steps, plain.items) == (10_000, 200 * 9)
    assert plain.adaptor == 10_000 * 1800 * (base.item + base.item_backward)
    assert plain.once == (1_000_000 + PICTURED) * base.picture
    assert plain.towers == 10_000 * 200 * (base.picture + base.description)
    assert plain.hours(1e12, kept=False) == (plain.once + plain.towers + plain.adaptor) / 3.6e15
    assert plain.hours(1e12, kept=True) == (plain.once + plain.texts_once + plain.adaptor) / 3.6e15
    assert changed(base, epochs=2.0).adaptor == 2 * plain.adaptor
    chunked = changed(base, chunk=10)
    assert chunked.adaptor == 10_000 * 1800 * (2 * base.item + base.item_backward)
    assert plain.memory - chunked.memory == 1790 * base.item_bytes


def test_the_command_lists_the_recipes() -> None:
    said = CliRunner().invoke(app, ["--preset", "base"], env={"COLUMNS": "200"}).output
    for name, steps in (("oven", "3,907"), ("maskoven-wiki", "2,559"), ("maskoven-finetune", "2,069")):
        (row,) = (line for line in said.splitlines() if f" {name} " in line)
        assert " base " in row
        assert f" {steps} " in row


def test_a_preset_that_nothing_is_trained_of_is_one_line() -> None:
    with pytest.raises(WikiClipError, match="Operations of clip cannot be counted"):
        operations_of(PRESETS["clip"])
