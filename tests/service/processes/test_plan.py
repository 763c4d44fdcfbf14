"""How many processes there are on which machine."""

import pytest
import torch

from service.processes import plan as planning
from service.processes.plan import Plan, plan
from service.settings import Settings


@pytest.mark.parametrize(
    ("cores", "gpus", "processes", "planned"),
    [
        (2, 0, "auto", Plan(1, ())),
        (2, 0, 1, Plan(1, ())),
        (2, 0, 2, Plan(2, (None,))),
        (16, 0, "auto", Plan(4, (None, None))),
        (16, 1, "auto", Plan(8, (0,))),
        (2, 1, "auto", Plan(1, ())),
        (2, 2, "auto", Plan(1, (0, 1))),
        (64, 8, 24, Plan(24, tuple(range(8)))),
    ],
)
def test_processes_by_cores_and_gpus(
    cores: int, gpus: int, processes: int | str, planned: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "cores", lambda: cores)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert plan(Settings(processes=processes)) == planned


def test_none_is_given_more_than_its_share_and_none_nothing() -> None:
    settings = Settings(decoders=3, threads=16, encoders=16, picture_cache_bytes=100, device="cpu")
    four = Plan(4, (None, None))
    front, engine = four.of_front(settings), four.of_engine(settings)
    assert (front.decoders, front.picture_cache_bytes, front.queue) == (1, 25, settings.queue)
    assert (engine.threads, engine.encoders, engine.search_threads) == (8, 8, 1)
    assert (
        four.of_front(settings.model_copy(update={"max_connections_per_address": 0})).max_connections_per_address == 0
    )
