"""The training loop: frozen features in, a trained entity encoder out."""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.data.items import ItemSource
from training.learn.config import TrainConfig
from training.learn.sampling import Queries, Sampler
from training.learn.step import draw_items, loss_and_gradient
from wikiclip.entity import VgkaEncoder

Metrics = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What a run trains on.

    Attributes:
        annotated: mentions with a known record.
        own: each record's own picture as a query.
        classes: classifier rows as queries; empty where the tower has none.
        records: frozen features of records.
        text_only: rows of records that only ever are negatives.
    """

    annotated: Queries
    own: Queries
    classes: Queries | None
    records: ItemSource
    text_only: NDArray[np.int64]

    def sampler(self, config: TrainConfig) -> Sampler:
        """Returns what draws batches in the sources' shares."""
        sources = [(self.annotated, config.annotated), (self.own, config.own)]
        if self.classes is not None:
            sources.append((self.classes, config.classes))
        return Sampler(sources, neighbours=config.neighbours, seed=config.seed)


class Trainer:
    """An encoder in training, step by step. What it holds between two steps is in `state`; all else follows from the
    seed and the number of the step."""

    def __init__(self, encoder: VgkaEncoder, samples: Samples, config: TrainConfig) -> None:
        self.encoder, self._samples, self._config = encoder, samples, config
        self._sampler = samples.sampler(config)
        self._log_scale = nn.Parameter(torch.tensor(math.log(config.scale), device=encoder.device))
        self._optimizer = torch.optim.AdamW(
            [
                {"params": list(encoder.adaptor.parameters()), "weight_decay": config.weight_decay},
                {"params": [self._log_scale], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, config.learning_rate, total_steps=config.steps, pct_start=config.warm_up
        )
        average = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(encoder.adaptor, multi_avg_fn=average) if config.ema else None
        self.step = 0

    def take_step(self) -> Metrics:
        """Takes one optimiser step; returns what to log of it."""
        config, encoder = self._config, self.encoder
        encoder.train()
        self._optimizer.zero_grad()
        items = draw_items(self._sampler.batch(self.step), config, self._samples.text_only, self.step)
        loss = loss_and_gradient(encoder, self._samples.records, items, self._log_scale, config, self.step)
        norm = nn.utils.clip_grad_norm_([*encoder.adaptor.parameters(), self._log_scale], config.clip)
        rate = float(self._schedule.get_last_lr()[0])
        self._optimizer.step()
        self._schedule.step()
        with torch.no_grad():
            self._log_scale.clamp_(max=math.log(config.max_scale))
        if self._average is not None:
            self._average.update_parameters(encoder.adaptor)
        self.step += 1
        encoder.eval()
        scale = self._log_scale.exp().item()
        return {"loss": loss, "gradient_norm": norm.item(), "scale": scale, "learning_rate": rate}

    def try_steps(self, steps: int) -> None:
        """Takes so many steps, and then is as it was before."""
        state = deepcopy(self.state())
        with torch.random.fork_rng():
            for _ in range(steps):
                self.take_step()
        self.load_state(state)

    def finish(self) -> None:
        """Makes the encoder ready for use, with the averaged weights where a moving average is kept."""
        self.encoder.eval()
        if self._average is not None:
            self.encoder.adaptor.load_state_dict(self._average.module.state_dict())

    def state(self) -> dict[str, Any]:
        """Returns everything that the next step depends on, as tensors and plain values."""
        return {
            "step": self.step,
            "encoder": self.encoder.state_dict(),
            "log_scale": self._log_scale.detach(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from a `state` of a trainer of the same configuration."""
        self.step = state["step"]
        self.encoder.load_state_dict(state["encoder"])
        with torch.no_grad():
            self._log_scale.copy_(state["log_scale"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])


def train(encoder: VgkaEncoder, samples: Samples, config: TrainConfig) -> None:
    """Trains the adaptor in place, start to end, and leaves nothing behind."""
    trainer = Trainer(encoder, samples, config)
    while trainer.step < config.steps:
        trainer.take_step()
    trainer.finish()
