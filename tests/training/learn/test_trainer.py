"""The loop on a small encoder and records drawn at random."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.small import ENTITIES, small_encoder, small_samples
from training.learn.config import TrainConfig
from training.learn.sampling import Queries, Sampler
from training.learn.step import draw_items
from training.learn.trainer import Trainer, train
from wikiclip.base.errors import WikiClipError

EVERYTHING = TrainConfig(
    steps=40, annotated=8, own=4, classes=2, neighbours=2, synthesized=3, drop_picture=0.2, drop_text=0.1,
    text_negatives=4, learning_rate=3e-3, ema=0.9,
)  # fmt: skip


def found(encoder, samples):
    rows = samples.own.record_Q
    with torch.no_grad():
        scores = samples.own.mentions(rows) @ encoder(samples.records.items(rows, rows)).T
    return float((scores.argmax(dim=1) == torch.arange(ENTITIES)).float().mean())


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_training_learns_to_read():
    encoder, samples = small_encoder(), small_samples()
    before = found(encoder, samples)
    train(encoder, samples, dataclasses.replace(EVERYTHING, steps=150))
    assert found(encoder, samples) > before + 0.3


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    encoder, samples = small_encoder(), small_samples()
    other, third = copy.deepcopy(encoder), copy.deepcopy(encoder)
    train(encoder, samples, EVERYTHING)
    train(other, samples, EVERYTHING)
    train(third, samples, dataclasses.replace(EVERYTHING, seed=1))
    assert same(encoder, other)
    assert not same(encoder, third)


def test_a_run_goes_on_from_its_state_as_if_it_had_never_stopped():
    whole, samples = small_encoder(), small_samples()
    train(whole, samples, EVERYTHING)
    first = Trainer(small_encoder(), samples, EVERYTHING)
    for _ in range(17):
        first.take_step()
    second = Trainer(small_encoder(), samples, EVERYTHING)
    second.load_state(copy.deepcopy(first.state()))
    while second.step < EVERYTHING.steps:
        second.take_step()
    second.finish()
    assert same(whole, second.encoder)


def test_the_moving_average_is_what_is_kept():
    plain, averaged, samples = small_encoder(), small_encoder(), small_samples()
    train(plain, samples, dataclasses.replace(EVERYTHING, ema=0.0))
    train(averaged, samples, EVERYTHING)
    assert not same(plain, averaged)
    steps = small_encoder()
    trainer = Trainer(steps, samples, dataclasses.replace(EVERYTHING, ema=0.0))
    mean = None
    for _ in range(EVERYTHING.steps):
        trainer.take_step()
        now = [p.detach().clone() for p in steps.adaptor.parameters()]
        mean = now if mean is None else [0.9 * m + 0.1 * p for m, p in zip(mean, now, strict=True)]
    assert all(torch.allclose(m, p, atol=1e-6) for m, p in zip(mean, averaged.adaptor.parameters(), strict=True))


def test_every_part_of_the_recipe_changes_the_loss():
    """A switch that does nothing would be a row of an ablation that means nothing."""
    encoder, samples = small_encoder().eval(), small_samples()
    torch.nn.init.normal_(encoder.adaptor.project_out.weight)  # at zero, the adaptor's inputs do not matter
    plainest = TrainConfig(annotated=8, own=4, classes=0, drop_picture=0.0, drop_text=0.0, text_negatives=0)

    def loss(**changes):
        config = dataclasses.replace(plainest, **changes)
        items = draw_items(samples.sampler(config).batch(0), config, samples.text_only, 0)
        with torch.no_grad():
            vectors = encoder(samples.records.items(items.picture_I, items.text_I))
        return items.loss(vectors, torch.tensor(config.scale).log(), config).item()

    plain = loss()
    assert loss() == plain
    for change in (
        {"synthesized": 4},
        {"drop_picture": 0.5},
        {"drop_text": 0.5},
        {"text_negatives": 5},
        {"symmetric": False},
        {"neighbours": 4},
        {"classes": 2},
        {"seed": 1},
    ):
        assert loss(**change) != plain, change
    assert loss(synthesized=4, symmetric=False) > loss(symmetric=False), "harder negatives only raise the loss"


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0},
        {"drop_text": 1.0},
        {"clip": 0.0},
        {"annotated": 1, "own": 0, "classes": 0},
        {"chunk": -1},
        {"epochs": 0.0},
        {"epochs": float("inf")},
        {"epochs": 1.0, "annotated": 0},
    ],
)
def test_a_configuration_that_no_run_can_have_is_refused(bad):
    with pytest.raises(WikiClipError):
        TrainConfig(**bad)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 3))
def test_an_epoch_shows_every_mention_once_and_takes_no_step_more(mentions: int, annotated: int, epochs: int):
    config = TrainConfig(epochs=float(epochs), annotated=annotated, own=3).settled(mentions)
    shown = Queries(mentions=lambda numbers: torch.zeros(len(numbers), 2), record_Q=np.arange(mentions))
    sampler = Sampler([(shown, annotated)], neighbours=1, seed=0)
    counts = np.bincount(
        np.concatenate([sampler.batch(step).record_B for step in range(config.steps)]), minlength=mentions
    )
    assert counts.min() >= epochs
    assert counts.sum() - epochs * mentions < annotated, "what fills the last batch up is less than a batch"
    assert config.settled(mentions) == config
    assert TrainConfig(steps=7).settled(mentions) == TrainConfig(steps=7)


def test_what_is_not_said_is_not_among_what_settles_a_run():
    assert "epochs" not in TrainConfig().to_json()
    assert TrainConfig(**TrainConfig(epochs=1.0).to_json()) == TrainConfig(epochs=1.0)
