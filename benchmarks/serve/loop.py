"""The same work without a service, in a loop: decode, cut the mention out, encode. No search."""

import base64
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from benchmarks.serve.pictures import DISTINCT, SIZE, Size, many_requests
from indexer.asked import AskedRegions
from wikiclip.model import PreparedMention, WikiClip
from wikiclip.pictures import read_picture

BATCHES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Way:
    """How the loop is run: so many loops at once, each with so many of torch's threads, on batches of a size."""

    loops: int
    threads: int
    batch: int


def ways(cores: int) -> list[Way]:
    """All that are worth trying."""
    return [Way(loops, threads, batch) for loops, threads in {(1, cores), (cores, 1)} for batch in BATCHES]


def rate(
    model: WikiClip, way: Way, *, seconds: float, seed: int, distinct: int = DISTINCT, size: Size = SIZE
) -> tuple[float, list[float]]:
    """Mentions a second, and the milliseconds that each batch took."""
    most = max(64, int(seconds * 200))
    bodies = [json.loads(body) for body in islice(many_requests(seed, distinct=distinct, size=size), most)]
    took: list[float] = []
    end = time.perf_counter() + seconds

    def loop(own: Sequence[dict[str, str]]) -> None:
        torch.set_num_threads(way.threads)
        start = 0
        while time.perf_counter() < end:
            begun = time.perf_counter()
            _encode(model, [own[(start + place) % len(own)] for place in range(way.batch)])
            start += way.batch
            took.append(1000 * (time.perf_counter() - begun))

    begun = time.perf_counter()
    workers = [threading.Thread(target=loop, args=[bodies[number :: way.loops]]) for number in range(way.loops)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(took) * way.batch / (time.perf_counter() - begun), took


def _encode(model: WikiClip, bodies: Sequence[dict[str, str]]) -> None:
    mentions: list[PreparedMention] = []
    for body in bodies:
        asked = AskedRegions([body["region"]], model)
        mentions += asked.cut(read_picture(base64.b64decode(body["image"]), fit=asked.fit))
    model.encode_mentions(mentions)
