"""What one request may ask of a decoder."""

import time
from typing import Any

import pytest

from indexer.linker import Linker
from service import examples
from service.engine.reading import REGIONS_S, Reader
from service.engine.serving import serving_of
from service.errors import Cause, Problem
from service.settings import Settings
from service.telemetry.metrics import Metrics


def fine(edges: int) -> dict[str, Any]:
    """A polygon that goes up and down, as long as one region may be."""
    points = [(48 * i / edges, (i % 2) * (900_000 / edges)) for i in range(edges)]
    return {"polygon": [[number for point in points for number in point]]}


def test_many_fine_regions_are_refused_once_they_took_what_a_request_may(linker: Linker, settings: Settings) -> None:
    serving = serving_of(linker)
    reader = Reader(settings.model_copy(update={"max_regions": 400}), Metrics(), lambda: serving, outlined_from=320)
    assert len(reader.link(examples.picture(), [fine(1000)] * 2, top_k=1, min_score=None).mentions) == 2
    started = time.thread_time()
    with pytest.raises(Problem, match="may take 2 s of work") as told:
        reader.link(examples.picture(), [fine(1000)] * 400, top_k=1, min_score=None)
    assert told.value.cause is Cause.REGION_TOO_COMPLEX
    assert time.thread_time() - started < 2 * REGIONS_S


def test_the_deadline_is_looked_at_between_regions(linker: Linker, settings: Settings) -> None:
    serving = serving_of(linker)
    reader = Reader(settings.model_copy(update={"deadline_s": 1e-6}), Metrics(), lambda: serving, outlined_from=320)
    with pytest.raises(Problem) as told:
        reader.link(examples.picture(), [None, None], top_k=1, min_score=None)
    assert told.value.cause is Cause.DEADLINE
