"""One gradient, however the work is cut: in chunks, over two processes, or in one piece."""

import dataclasses
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

import wikiclip.entity
from tests.training.small import small_encoder, small_samples
from training.data.items import NONE
from training.learn.config import TrainConfig
from training.learn.sampling import Batch
from training.learn.step import draw_items, loss_and_gradient, seed_of
from training.learn.trainer import train

EVERYTHING = TrainConfig(
    steps=6, annotated=10, own=6, classes=3, neighbours=2, synthesized=4, drop_picture=0.2, drop_text=0.2,
    text_negatives=7, learning_rate=3e-3,
)  # fmt: skip


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    """Sums in another order differ by a rounding, which bfloat16 would make too coarse to compare."""
    monkeypatch.setattr(wikiclip.entity, "bf16_pays", lambda device: False)


def gradient_of(config, *, dropout=0.0, step=2):
    """The loss and the gradient of every parameter, flat; the last number is the temperature's."""
    encoder, samples = small_encoder(dropout=dropout), small_samples()
    torch.nn.init.normal_(encoder.adaptor.project_out.weight)  # at zero, most of the gradient would be zero
    encoder.train()
    log_scale = torch.tensor(2.0, requires_grad=True)
    items = draw_items(samples.sampler(config).batch(step), config, samples.text_only, step)
    loss = loss_and_gradient(encoder, samples.records, items, log_scale, config, step)
    flat = torch.cat([p.grad.flatten() for p in encoder.adaptor.parameters()] + [log_scale.grad.flatten()])
    return loss, flat


def close(first, second):
    return torch.allclose(first, second, rtol=1e-4, atol=1e-6 * float(second.abs().max()))


def test_synthesized_items_keep_the_picture_and_change_the_words():
    config = TrainConfig(synthesized=2, text_negatives=1, drop_picture=0.3, drop_text=0.3)
    rows = np.arange(5) + 10
    batch = Batch(torch.zeros(5, 4), rows, np.array([True, True, True, True, False]))
    for step in range(20):
        items = draw_items(batch, config, np.array([3]), step)
        own, synthesized, others = items.text_I[:5], items.text_I[5:-1].reshape(-1, 2), items.text_I[-1:]
        pictures = items.picture_I[:5]
        assert ((own == rows) | (own == NONE)).all()
        assert ((pictures == rows) | (pictures == NONE)).all()
        assert not ((own == NONE) & (pictures == NONE)).any(), "never both from one record"
        assert pictures[4] == NONE
        assert items.worn.sample_W.tolist() == [place for place in range(5) if pictures[place] != NONE]
        assert (items.picture_I[5:-1].reshape(-1, 2) == pictures[items.worn.sample_W.numpy()][:, None]).all()
        assert (synthesized == own[items.worn.partners_WS.numpy()]).all()
        assert (synthesized[items.worn.valid_WS.numpy()] != NONE).all()
        assert others.tolist() == [3]
        assert items.picture_I[-1:].tolist() == [NONE]


def test_the_gradient_is_that_of_the_loss_written_plainly():
    encoder, samples, config = small_encoder(dropout=0.0), small_samples(), EVERYTHING
    torch.nn.init.normal_(encoder.adaptor.project_out.weight)
    log_scale = torch.tensor(2.0, requires_grad=True)
    items = draw_items(samples.sampler(config).batch(2), config, samples.text_only, 2)
    loss = items.loss(encoder(samples.records.items(items.picture_I, items.text_I)), log_scale, config)
    loss.backward()
    flat = torch.cat([p.grad.flatten() for p in encoder.adaptor.parameters()] + [log_scale.grad.flatten()])
    ours, gradient = gradient_of(config)
    assert ours == pytest.approx(loss.item(), rel=1e-6)
    assert close(gradient, flat)
    assert (flat != 0).float().mean() > 0.5


@pytest.mark.parametrize("chunk", [1, 7, 25, 1000])
def test_cached_gradients_are_the_plain_ones(chunk):
    loss, gradient = gradient_of(EVERYTHING)
    chunked_loss, chunked = gradient_of(dataclasses.replace(EVERYTHING, chunk=chunk))
    assert chunked_loss == pytest.approx(loss, rel=1e-5)
    assert close(chunked, gradient)


def test_cached_gradients_replay_their_dropout():
    """Against one graph over all chunks, each with the dropout that its place settles."""
    config = dataclasses.replace(EVERYTHING, chunk=16)
    loss, cached = gradient_of(config, dropout=0.4)
    encoder, samples = small_encoder(dropout=0.4), small_samples()
    torch.nn.init.normal_(encoder.adaptor.project_out.weight)
    encoder.train()
    log_scale = torch.tensor(2.0, requires_grad=True)
    items = draw_items(samples.sampler(config).batch(2), config, samples.text_only, 2)
    parts = []
    for start in range(0, len(items), 16):
        torch.manual_seed(seed_of(config.seed, 2, start))
        stretch = slice(start, start + 16)
        parts.append(encoder(samples.records.items(items.picture_I[stretch], items.text_I[stretch])))
    plain = items.loss(torch.cat(parts), log_scale, config)
    plain.backward()
    flat = torch.cat([p.grad.flatten() for p in encoder.adaptor.parameters()] + [log_scale.grad.flatten()])
    assert loss == pytest.approx(plain.item(), rel=1e-6)
    assert close(cached, flat)
    assert not close(cached, gradient_of(config, dropout=0.0)[1])


CHILD = """
import dataclasses, json, sys, torch, wikiclip.entity
torch.set_num_threads(1)
wikiclip.entity.bf16_pays = lambda device: False
from tests.training.learn.test_step import EVERYTHING, gradient_of, trained
from training import processes
config = dataclasses.replace(EVERYTHING, **json.loads(sys.argv[1]))
with processes.joined_processes():
    loss, gradient = gradient_of(config)
    torch.save([loss, gradient, trained(config)], f"{sys.argv[2]}/{processes.number()}.pt")
"""


def trained(config):
    encoder = small_encoder(dropout=0.0)
    train(encoder, small_samples(), config)
    return torch.cat([p.detach().flatten() for p in encoder.adaptor.parameters()])


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"chunk": 11}, {"symmetric": False}], ids=["plain", "cached", "one way"])
def test_two_processes_give_the_gradient_of_one(tmp_path, changes):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, json.dumps(changes), str(tmp_path)],
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "PYTHONPATH": os.pathsep.join(["", *sys.path]),
            },
        )
        for rank in range(2)
    ]
    assert [child.wait(120) for child in children] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    config = dataclasses.replace(EVERYTHING, **changes)
    loss, gradient = gradient_of(config)
    for both_loss, both, weights in (first, second):
        assert both_loss == pytest.approx(loss, rel=1e-5)
        assert close(both, gradient)
        assert torch.allclose(weights, trained(config), atol=2e-4)
    assert torch.equal(first[2], second[2]), "the processes never part"


def test_seeds_of_several_numbers_differ():
    seeds = {seed_of(a, b, c) for a in range(6) for b in range(6) for c in range(6)}
    assert len(seeds) == 6**3
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert isinstance(seed_of(np.int64(3)), int)
