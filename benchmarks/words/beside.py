"""What a service does meanwhile: processes that encode without end."""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier

import numpy as np
import torch
from PIL import Image

from wikiclip.model import WikiClip

SIDE = 260  # pixels of the picture


@contextmanager
def encoding(count: int) -> Iterator[None]:
    """Processes that encode for as long as the block runs, as a service does that links."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(count + 1)
    running = [context.Process(target=_encode, args=(ready,), daemon=True) for _ in range(count)]
    for process in running:
        process.start()
    try:
        ready.wait(timeout=120)
        yield
    finally:
        for process in running:
            process.terminate()
            process.join()


def _encode(ready: Barrier) -> None:
    torch.set_num_threads(1)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # as the service's own threads are
    model = WikiClip.load("tiny")
    picture = Image.effect_noise((SIDE, SIDE), 64).convert("RGB")
    mention = model.prepare_mention(picture, np.ones((SIDE, SIDE), dtype=np.bool_))
    ready.wait()
    while True:
        model.encode_mentions([mention] * 8)
