"""The metrics of several processes are those of one service."""

from service.processes.gathering import Gathered, families, sampled, text
from service.telemetry.metrics import Metrics


def _metrics(requests: int, bodies: int) -> Metrics:
    metrics = Metrics()
    for _ in range(requests):
        metrics.request("/link", 200, 0.02)
    metrics.bodies(bodies)
    return metrics


def _lines(*parts: list) -> dict[str, float]:
    lines = text(parts).decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def test_counters_and_histograms_add_up() -> None:
    lines = _lines(sampled(_metrics(2, 10)), sampled(_metrics(3, 5)))
    assert lines['wikiclip_requests_total{route="/link",status="200"}'] == 5
    assert lines['wikiclip_request_seconds_bucket{le="0.02",route="/link"}'] == 5
    assert lines['wikiclip_request_seconds_bucket{le="0.01",route="/link"}'] == 0
    assert lines["wikiclip_body_bytes"] == 15


def test_who_is_gone_leaves_what_it_counted_and_not_what_it_had() -> None:
    ended = Gathered()
    ended.add(sampled(_metrics(2, 10)), ended=True)
    lines = _lines(ended.families(), sampled(_metrics(3, 5)))
    assert lines['wikiclip_requests_total{route="/link",status="200"}'] == 5
    assert lines["wikiclip_body_bytes"] == 5


def test_what_is_one_for_all_is_told_once() -> None:
    supervisor, engine = Metrics(), Metrics()
    for metrics in (supervisor, engine):
        metrics.serves("1", 40)
        metrics.reload(taken=True)
        metrics.watch_readiness(lambda: True)
    lines = _lines(families(supervisor), sampled(engine), sampled(engine))
    assert lines['wikiclip_index_info{version="1"}'] == 1
    assert lines["wikiclip_index_entities"] == 40
    assert lines['wikiclip_index_reloads_total{outcome="taken"}'] == 1
    assert lines["wikiclip_ready"] == 1


def test_keys_are_readable_where_they_are_for_all() -> None:
    class Keys:
        def __init__(self, fault: str | None) -> None:
            self.fault = fault

        def read_again(self) -> None:
            pass

    parts = []
    for fault in (None, "gone"):
        metrics = Metrics()
        metrics.watch_keys(Keys(fault))
        parts.append(sampled(metrics))
    assert _lines(*parts)["wikiclip_keys_readable"] == 0
