"""Hard input that is wrong: each request has its status and `type`, and the service answers the next good one."""

import base64
import json

import httpx
import pytest
from PIL import Image

from service.errors import Cause
from service.schemas import ProblemOut
from tests.service.malformed import explain, link, segment
from tests.service.malformed.case import MARK, PNG, RLE, Case, H, W, b64, large, saved
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
        Cause.INDEX_DAMAGED,
        Cause.INDEX_UNREACHABLE,
        Cause.SEARCH_FAILED,
        Cause.BUSY,
        Cause.UNREADABLE_IMAGE,
        Cause.MALFORMED_HTTP,
        # of who asks, and how slowly: tests of their own
        Cause.UNAUTHORIZED,
        Cause.RATE_LIMITED,
        Cause.BODY_TOO_SLOW,
        Cause.DEADLINE,
        # of changes that are taken, which a key is needed for
        Cause.UNKNOWN_JOB,
        Cause.NO_ROOM,
    }
    assert {case.cause for case in CASES} == set(Cause) - elsewhere


def test_every_code_of_the_model_s_package_is_a_cause() -> None:
    assert {*PICTURE_CODES, *REGION_CODES} <= {cause.code for cause in Cause}


def test_an_unknown_field_is_answered_with_those_that_are_known(client: httpx.Client) -> None:
    (fault,) = client.post("/link", json={"image": b64(PNG), "topk": 2}).json()["errors"]
    assert "known ones are image, region, regions, most, whole, top_k, min_score, tags." in fault["detail"]


@pytest.mark.parametrize("unknown", [{"file": PNG}, {"image": PNG, "mask": PNG}, {"image": PNG, "model": b"tiny"}])
def test_an_unknown_part_is_told_by_its_place(client: httpx.Client, unknown: dict[str, bytes]) -> None:
    told = client.post("/link", files=unknown).json()
    assert told["type"] == "urn:wikiclip:problem:invalid-request"
    assert [fault["detail"].partition(":")[0] for fault in told["errors"]] == [f"Part {len(unknown)}"]
    assert "known ones are image, region, regions, most, whole, top_k, min_score, tags." in told["errors"][0]["detail"]


def test_of_many_faults_ten_are_told_and_the_others_counted(client: httpx.Client) -> None:
    answer = client.post("/link", json={f"k{number}": 1 for number in range(1000)})
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 10)
    assert answer.json()["detail"].startswith("1,000 fields are at fault")
    assert len(answer.content) < 64_000


def test_more_fields_than_any_object_may_have_are_refused_unread(client: httpx.Client) -> None:
    answer = client.post("/link", json={f"k{number}": 1 for number in range(100_000)})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:wikiclip:problem:malformed-json")
    assert "more than 1,000 keys" in answer.json()["detail"]


def test_a_part_that_is_no_json_is_named(client: httpx.Client) -> None:
    told = client.post("/link", files={"image": PNG, "top_k": b"ten"}).json()
    assert (told["type"], told["detail"][:19]) == ("urn:wikiclip:problem:malformed-json", "The part `top_k`: E")


@pytest.mark.parametrize("head", [b"\xef\xbb\xbf", b"", b" "])
def test_a_region_file_with_a_byte_order_mark_is_read(client: httpx.Client, head: bytes) -> None:
    files = {"image": PNG, "region": head + json.dumps(RLE).encode()}
    assert client.post("/link", files=files).status_code == 200


def test_a_region_file_in_utf_16_is_named_for_what_it_is(client: httpx.Client) -> None:
    told = client.post("/link", files={"image": PNG, "region": json.dumps(RLE).encode("utf-16")}).json()
    assert "UTF-16" in told["detail"]


def test_line_breaks_in_base64_are_passed_over(client: httpx.Client) -> None:
    lines = base64.encodebytes(PNG).decode().replace("\n", "\r\n")
    png = base64.encodebytes(saved(Image.new("L", (W, H), 255), "PNG")).decode()
    assert client.post("/link", json={"image": lines, "region": {"png": png}}).status_code == 200


def test_a_preamble_of_multipart_is_passed_over(client: httpx.Client) -> None:
    request = client.build_request("POST", "/link", files={"image": PNG})
    body = b"This is a message in MIME format.\r\n" + request.read()
    kind = {"content-type": request.headers["content-type"]}
    assert client.post("/link", content=body, headers=kind).status_code == 200


def test_a_region_that_is_no_file_is_told_how_to_send_one(client: httpx.Client) -> None:
    told = client.post("/link", files={"image": PNG, "region": (None, "var/demo/violin.json")}).json()
    assert "`region=<FILE`" in told["detail"]


def test_a_refusal_of_the_method_names_those_that_work(client: httpx.Client) -> None:
    answer = client.get("/link")
    assert (answer.headers["allow"], answer.json()["detail"]) == ("POST", "Use POST.")


def test_as_many_masks_as_fit_are_linked(client: httpx.Client) -> None:
    assert len(client.post("/link", **large(regions=2)).raise_for_status().json()["results"]) == 2
