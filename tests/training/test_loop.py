"""The loop on a small preset with a mention space, frozen features drawn at random: no backbone is needed."""

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F

from training.config import TrainConfig
from training.loop import Samples, batch_loss, train
from training.sampling import Queries
from wikiclip.entity import EntityEncoder, EntityFeatures
from wikiclip.presets import PRESETS, AdaptorConfig, SpaceConfig

ENTITIES, WIDTH, TEXT = 24, 16, 12
EVERYTHING = TrainConfig(
    steps=40, annotated=8, own=4, classes=2, neighbours=2, synthesized=3, drop_picture=0.2, drop_text=0.1,
    text_negatives=4, learning_rate=3e-3,
)  # fmt: skip


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    preset = dataclasses.replace(
        PRESETS["tiny"],
        adaptor=AdaptorConfig(width=16, heads=2, grid=2),
        space=SpaceConfig(width=8, classes=3, picture_weight=1.0, text_weight=0.5),
    )
    return EntityEncoder(preset, patch_width=WIDTH, pooled_width=WIDTH, text_width=TEXT, patches=4)


@pytest.fixture
def samples():
    """The description says which direction the picture's vector misses, so that reading it pays."""
    generator = torch.Generator().manual_seed(1)
    said = torch.randn(ENTITIES, TEXT, generator=generator)
    pooled = torch.randn(ENTITIES, WIDTH, generator=generator)
    records = EntityFeatures(
        patches_BPV=pooled[:, None].expand(-1, 4, -1).contiguous(),
        pooled_BW=pooled,
        has_picture_B=torch.ones(ENTITIES, dtype=torch.bool),
        tokens_BLT=said[:, None].expand(-1, 3, -1).contiguous(),
        padding_BL=torch.zeros(ENTITIES, 3, dtype=torch.bool),
        sentence_BT=F.normalize(said, dim=-1),
    )
    rows = torch.arange(ENTITIES)
    mention = F.normalize(pooled[:, :8] + 2 * said[:, :8], dim=-1)
    noisy = F.normalize(mention.repeat(3, 1) + 0.2 * torch.randn(3 * ENTITIES, 8, generator=generator), dim=-1)
    return Samples(
        annotated=Queries(noisy, rows.repeat(3)),
        own=Queries(mention, rows),
        classes=Queries(mention[:3], rows[:3]),
        records=records,
        entity_R=rows,
        text_only=dataclasses.replace(records, has_picture_B=torch.zeros(ENTITIES, dtype=torch.bool)),
    )


def found(encoder, samples):
    with torch.no_grad():
        scores = samples.own.mention_QM @ encoder(samples.records).T
    return float((scores.argmax(dim=1) == torch.arange(ENTITIES)).float().mean())


def test_training_learns_to_read(encoder, samples):
    before = found(encoder, samples)
    train(encoder, samples, dataclasses.replace(EVERYTHING, steps=150))
    assert found(encoder, samples) > before + 0.3


def test_the_same_seed_gives_the_same_weights_and_another_does_not(encoder, samples):
    other = copy.deepcopy(encoder)
    third = copy.deepcopy(encoder)
    train(encoder, samples, EVERYTHING)
    train(other, samples, EVERYTHING)
    train(third, samples, dataclasses.replace(EVERYTHING, seed=1))
    first, second, different = (list(model.parameters()) for model in (encoder, other, third))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, different, strict=True))


def test_every_part_of_the_recipe_changes_the_loss(encoder, samples):
    """A switch that does nothing would be a row of an ablation that means nothing."""
    encoder.eval()  # no dropout
    plainest = TrainConfig(drop_picture=0.0, drop_text=0.0, text_negatives=0)
    torch.nn.init.normal_(encoder.adaptor.project_out.weight)  # at zero, the adaptor's inputs do not matter
    batch = samples.own[torch.arange(12)]

    def loss(**changes):
        config = dataclasses.replace(plainest, **changes)
        scale = torch.tensor(config.scale).log()
        generator = torch.Generator().manual_seed(0)
        return batch_loss(encoder, batch, samples, scale, config, generator).item()

    plain = loss()
    assert loss() == plain
    for change in (
        {"synthesized": 4},
        {"drop_picture": 0.5},
        {"drop_text": 0.5},
        {"text_negatives": 5},
        {"symmetric": False},
    ):
        assert loss(**change) != plain, change
    assert loss(synthesized=4, symmetric=False) > loss(symmetric=False), "harder negatives only raise the loss"
