"""The requests that take most memory, many at once: what the service's bound on memory is held against."""

import base64
import itertools
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from benchmarks.hostile.asking import Caller
from benchmarks.hostile.bodies import GOOD, JSON_TYPE
from benchmarks.hostile.case import Case, case
from benchmarks.hostile.pictures import BOMB_SIDE, BOMBS
from service.settings import Settings

CALLERS = 96
REFUSALS = (503, 504)  # what a crowd may be told beside what each of it would be told alone


@dataclass
class Together:
    """What a crowd was told."""

    statuses: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def crowd(port: int, *, limit_s: float) -> Together:
    """Sends the heaviest requests from many callers at once."""
    # Receiving a body may take as long again as working on it.
    requests, lock, seen = itertools.cycle(heaviest()), threading.Lock(), Counter[str]()
    together = Together()

    def call() -> None:
        with Caller(port, patience_s=2 * limit_s) as caller:
            with lock:
                one = next(requests)
            answer = caller.ask(one)
            with lock:
                seen[str(answer.status or answer.error)] += 1
                if answer.status is None or (answer.status >= 500 and answer.status not in REFUSALS):
                    together.faults.append(f"in a crowd, {one.kind} got {answer.status or answer.error}")

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together.statuses = dict(sorted(seen.items()))
    return together


def heaviest() -> list[Case]:
    """One request for each way to take memory."""
    limits = Settings()
    side = BOMB_SIDE
    stripes = {"size": [side, side], "counts": [side * side - 400_000, *[1] * 400_000]}
    long = "A" * (limits.max_body_bytes - 2000)
    return [
        _json("much text", {"image": GOOD, "region": {"png": long}}),
        _json("much wide text", {"image": GOOD, "region": {"png": "\U0001f600" + long[:-4]}}, ascii_only=False),
        _json("many values", {"image": GOOD, "region": {"polygon": [[[]] * 50_000, [{}] * 150_000]}}),
        _json("many mentions", {"image": GOOD, "regions": [None] * limits.max_regions}),
        _json(
            "a cut-out of many pixels",
            {"image": _b64(BOMBS["transparent"]()), "regions": [None, {"box": [0, 0, side, side]}]},
        ),
        _json("a progressive JPEG", {"image": _b64(BOMBS["progressive"]()), "regions": [None]}),
        _json("a large WebP", {"image": _b64(BOMBS["webp"]()), "regions": [None]}),
        _json("many runs", {"image": _b64(BOMBS["colour"]()), "region": stripes}),
    ]


def _json(kind: str, fields: dict[str, Any], *, ascii_only: bool = True) -> Case:
    return case(kind, json.dumps(fields, ensure_ascii=ascii_only).encode(), JSON_TYPE)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
