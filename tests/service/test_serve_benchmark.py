"""The benchmark of the service, for seconds: real servers, real callers, and what the rows say."""

import base64
import io
import json
import re
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.faults import see
from benchmarks.lone_caller import lone_caller
from benchmarks.overload import overload
from benchmarks.serve.__main__ import Row, serve
from benchmarks.serve.callers import Task, ask
from benchmarks.serve.loop import ways
from benchmarks.serve.mishaps import MISHAPS
from benchmarks.serve.pictures import SIZE, many_requests
from benchmarks.soak import soak
from tests.service.conftest import Service


@pytest.mark.slow
def test_rows_say_what_callers_saw(
    index_home: Path, stamps_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rows.json"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # two threads of torch wait for each other where something else runs
    serve(index=index_home, callers="1,2", seconds=2.0, turns=2, systems="service,plain-fastapi", json_file=out)
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


@pytest.mark.slow
def test_a_lone_caller_is_held_against_the_work_by_hand(index_home: Path, stamps_data: Path, tmp_path: Path) -> None:
    lone_caller(index=index_home, calls=5, warm=2, json_file=tmp_path / "lone.json")
    paid = json.loads((tmp_path / "lone.json").read_text())
    assert paid["service_ms"] > 0
    assert paid["by_hand_ms"] > 0


@pytest.mark.slow
def test_too_many_requests_are_refused_and_the_others_answered(
    index_home: Path, stamps_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "overload.json"
    monkeypatch.setenv("WIKICLIP_QUEUE", "16")
    overload(index=index_home, times=4, seconds=4.0, turns=2, json_file=out)
    figures = json.loads(out.read_text())
    assert len(figures["floods"]) == 2
    for flood in figures["floods"]:
        assert set(flood["statuses"]) == {"200", "503"}
        assert sum(flood["statuses"].values()) + flood["unsent"] == pytest.approx(4 * flood["asked_a_second"], abs=1)
        assert 0 < flood["memory_settled_gb"] <= flood["memory_most_gb"]
    shares = [flood["goodput_share"] for flood in figures["floods"]]
    assert min(shares) < figures["goodput_share"] < max(shares) or shares[0] == shares[1]


@pytest.mark.slow
def test_swaps_under_load_fail_no_request(
    index_home: Path, stamps_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "soak.json"
    monkeypatch.setenv("WIKICLIP_QUEUE", "512")  # a capacity that fell since it was measured refuses nobody, either
    soak(index=index_home, minutes=0.1, swap_s=2, share=0.5, json_file=out)
    figures = json.loads(out.read_text())
    assert (set(figures["statuses"]), figures["failed"]) == ({"200"}, 0)
    assert figures["swaps"] >= 2
    assert len(figures["memory_gb"]) == 10


def test_every_way_to_loop_is_tried_once() -> None:
    assert len(ways(2)) == len(set(ways(2))) == 10
    assert len(ways(1)) == 5


def test_no_picture_is_sent_twice(stamps_data: Path) -> None:
    sent = [json.loads(body) for body in islice(many_requests(1, distinct=2), 6)]
    files = [base64.b64decode(request["image"], validate=True) for request in sent]
    assert len(set(files)) == 6
    for file in files:
        assert Image.open(io.BytesIO(file)).convert("RGB").size == SIZE
    assert {request["top_k"] for request in sent} == {10}
    assert sent[0]["region"] == sent[2]["region"] != sent[1]["region"]


@pytest.mark.slow
def test_mishaps_are_told_from_what_the_others_see(
    index_home: Path, stamps_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    named = {mishap.name: mishap for mishap in MISHAPS}
    raised = see(named["a worker raises"], index_home, rate=4, seconds=6)
    assert (raised.answered, raised.failed) == (24, {})
    assert re.fullmatch(r"its own callers got 500 \d+ times", raised.itself)
    seconds = 16
    killed = see(named["kill -9, and started again"], index_home, rate=4, seconds=seconds)
    assert killed.failed
    assert set(killed.failed) <= {"ConnectionRefusedError", "ConnectionResetError", "ConnectionError", "503"}
    assert killed.answered + sum(killed.failed.values()) == 4 * seconds
    (back_s,) = re.findall(r"^it answers again after ([\d.]+) s$", killed.itself)
    if seconds / 4 + float(back_s) < seconds - 2:  # a slow machine has it back when nobody asks any more
        assert killed.answered > seconds, "those before it, and those once it was back"
        assert 0 < killed.failing_s < float(back_s) + 2
