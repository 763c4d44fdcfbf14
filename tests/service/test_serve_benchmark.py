"""The benchmark of the service, for seconds: real servers, real callers, and what the rows say."""

import json
from pathlib import Path

import pytest

from benchmarks.serve import Row, serve
from benchmarks.serving.callers import Task, ask
from benchmarks.serving.loop import ways
from tests.service.conftest import Service


@pytest.mark.slow
def test_rows_say_what_callers_saw(
    index_home: Path, stamps_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rows.json"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # two threads of torch wait for each other where something else runs
    serve(index=index_home, callers="1,2", seconds=6.0, systems="service,plain-fastapi", json_file=out)
    rows = [Row(**row) for row in json.loads(out.read_text())]
    assert [(row.system, row.callers) for row in rows] == [
        (system, callers) for system in ("service", "plain-fastapi") for callers in (1, 2)
    ]
    for row in rows:
        assert (row.errors, row.cache_hits) == (0, 0)
        assert row.rps > 0
        assert 0 < row.p50_ms <= row.p99_ms


@pytest.mark.slow
def test_errors_are_counted_and_not_timed(service: Service, stamps_data: Path) -> None:
    task = Task(port=service.port, path="/nowhere", callers=2, warm_s=0.0, seconds=0.5, pictures=2000, seed=1)
    asked = ask(task)
    assert asked.milliseconds == []
    assert set(asked.statuses) == {"404"}


def test_every_way_to_loop_is_tried_once() -> None:
    assert len(ways(2)) == len(set(ways(2))) == 10
    assert len(ways(1)) == 5
