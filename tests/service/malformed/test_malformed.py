"""Hard input that is wrong: each request has its status and `type`, and the service answers the next good one."""

import httpx
import pytest

from service.errors import Cause
from service.schemas import ProblemOut
from tests.service.malformed import explain, link, segment
from tests.service.malformed.case import MARK, PNG, RLE, Case, b64, large
from wikiclip.masks import REGION_CODES
from wikiclip.pictures import PICTURE_CODES

CASES = link.CASES + segment.CASES + explain.CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_malformed_request_gets_its_problem_and_the_next_is_answered(client: httpx.Client, case: Case) -> None:
    answer = case.send(client)
    assert (answer.json()["type"], answer.status_code) == (case.cause.type, case.cause.status)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = ProblemOut.model_validate_json(answer.content)
    assert problem.title == case.cause.title
    assert [error.pointer for error in problem.errors or []] == case.pointers
    assert MARK not in answer.text
    good = client.post("/link", json={"image": b64(PNG), "region": RLE, "top_k": 1})
    assert good.status_code == 200


def test_every_cause_that_a_caller_can_bring_about_is_in_the_table() -> None:
    elsewhere = {
        Cause.NO_PICTURE,
        Cause.UNKNOWN_SCENE,
        Cause.CONNECTION_CLOSED,
        Cause.INTERNAL_ERROR,
        Cause.NOT_READY,
        Cause.BUSY,
        Cause.UNREADABLE_IMAGE,
        Cause.MALFORMED_HTTP,
        # of who asks, and how slowly: tests of their own
        Cause.UNAUTHORIZED,
        Cause.RATE_LIMITED,
        Cause.BODY_TOO_SLOW,
        Cause.DEADLINE,
    }
    assert {case.cause for case in CASES} == set(Cause) - elsewhere


def test_every_code_of_the_model_s_package_is_a_cause() -> None:
    assert {*PICTURE_CODES, *REGION_CODES} <= {cause.code for cause in Cause}


def test_an_unknown_field_is_answered_with_those_that_are_known(client: httpx.Client) -> None:
    (fault,) = client.post("/link", json={"image": b64(PNG), "topk": 2}).json()["errors"]
    assert "known ones are image, region, regions, top_k, min_score." in fault["detail"]


def test_a_region_that_is_no_file_is_told_how_to_send_one(client: httpx.Client) -> None:
    told = client.post("/link", files={"image": PNG, "region": (None, "var/demo/violin.json")}).json()
    assert "`region=<FILE`" in told["detail"]


def test_a_refusal_of_the_method_names_those_that_work(client: httpx.Client) -> None:
    answer = client.get("/link")
    assert (answer.headers["allow"], answer.json()["detail"]) == ("POST", "Use POST.")


def test_as_many_masks_as_fit_are_linked(client: httpx.Client) -> None:
    assert len(client.post("/link", **large(regions=2)).raise_for_status().json()["results"]) == 2
