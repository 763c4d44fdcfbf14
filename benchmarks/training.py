"""How fast training is, and where its time goes: `python -m benchmarks.training`.

Steps are taken on the default data from kept features. What a step must cost is the adaptor's own arithmetic: forward
and backward over the step's items, with their features already on the device. The rest is drawing, reading features,
the loss and the optimiser.
"""

import resource
import time
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console

from training.data.scenes.dataset import load_scenes
from training.learn.config import TrainConfig
from training.learn.fit import prepare
from training.learn.step import draw_items
from training.learn.trainer import Trainer
from training.options import with_options
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.entity import EntityFeatures, VgkaEncoder
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS

WARM_UP = 3
app = typer.Typer(add_completion=False)


@app.command()
@with_options(config=TrainConfig)
def training(
    *,
    measured: Annotated[int, typer.Option(min=1, help="Steps to measure.")] = 20,
    config: TrainConfig,
) -> None:
    """Print steps a second, the share of the adaptor's own arithmetic in them, and peak memory."""
    device = best_device()
    model = WikiClip(PRESETS["tiny"]).to(device)
    encoder, samples = prepare(model, load_scenes(model).training_set(), config)
    trainer = Trainer(encoder, samples, config)
    sampler = samples.sampler(config)
    whole, own = [], []
    for step in range(WARM_UP + measured):
        whole.append(_seconds(trainer.take_step, device))
        items = draw_items(sampler.batch(step), config, samples.text_only, step)
        features = samples.records.items(items.picture_I, items.text_I).to(device)
        own.append(_seconds(lambda ready=features: _forward_and_backward(encoder, ready), device))
    step_seconds, own_seconds = (float(np.median(times[WARM_UP:])) for times in (whole, own))
    if device.type == "cuda":
        peak = f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB on the GPU"
    else:
        peak = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"  # Linux counts in KiB
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    Console().print(
        f"{name}: {1 / step_seconds:.2f} steps a second ({len(items)} records each,"
        f" {len(items) / step_seconds:.0f} a second);"
        f" {1 - own_seconds / step_seconds:.0%} of a step is not the adaptor's own arithmetic; peak memory {peak}.",
        highlight=False,
    )


def _forward_and_backward(encoder: VgkaEncoder, features: EntityFeatures) -> None:
    encoder.train()
    encoder(features).sum().backward()
    encoder.zero_grad()


def _seconds(work: object, device: torch.device) -> float:
    assert callable(work)
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    run(app)
