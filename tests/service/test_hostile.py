"""Requests that nobody chose by hand, from the strategies of `benchmarks.hostile`, over real connections."""

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.hostile.asking import Caller
from benchmarks.hostile.case import Case
from benchmarks.hostile.cases import cases
from benchmarks.hostile.judging import Judge
from benchmarks.hostile.rounds import PROBE, fault_of_probe, ids
from service.settings import Settings
from tests.service.conftest import Service

EXAMPLES = 300


@pytest.mark.slow
def test_hostile_requests_get_documented_answers_and_the_next_good_one_is_served(service: Service) -> None:
    document = httpx.get(f"{service.url}/openapi.json").json()
    judge = Judge(document, limit_s=Settings().deadline_s + 1)
    kinds = set()

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(document))
    def ask(case: Case) -> None:
        kinds.add(case.kind)
        assert judge.fault(case, caller.ask(case)) is None

    with Caller(service.port, patience_s=60) as caller:
        expected = ids(caller.ask(PROBE))
        ask()
        assert fault_of_probe(caller.ask(PROBE), expected) is None
    assert kinds == {"picture", "region", "json", "multipart", "head", "framing"}
    assert "wikiclip_body_bytes 0.0" in httpx.get(f"{service.url}/metrics").text


def test_a_judge_finds_fault(service: Service) -> None:
    """Or nothing above could fail."""
    document = httpx.get(f"{service.url}/openapi.json").json()
    strict = Judge({"paths": {"/link": {"post": {"responses": {"200": {}}}}}}, limit_s=60)
    with Caller(service.port, patience_s=60) as caller:
        good = caller.ask(PROBE)
        refused = caller.ask(Case("bad", "POST", "/link", PROBE.request.replace(b"json", b"text", 1)))
        bad_number = "/entities/red-disc/image?number=x"
        head = Case("head", "HEAD", bad_number, f"HEAD {bad_number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        refused_head = caller.ask(head)
    assert strict.fault(PROBE, good) is None
    assert strict.fault(PROBE, refused) == "answered 415, which POST of this path does not document"
    assert Judge(document, limit_s=60).fault(PROBE, refused) is None
    assert (refused_head.status, Judge(document, limit_s=60).fault(head, refused_head)) == (422, None)
    assert Judge(document, limit_s=0).fault(PROBE, good) == "no answer within 0 s"
    assert fault_of_probe(good, ["another"]) is not None
