"""Every example of the OpenAPI document works when it is pasted."""

import base64
import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from service import examples
from service.app import create_app
from service.errors import Cause
from service.routes.openapi import ANYWHERE
from service.schemas import ExplainResponse, LinkResponse, SegmentResponse
from service.settings import Settings
from tests.service.conftest import Service


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").raise_for_status().json()
    return found


@pytest.mark.parametrize("name", examples.link_requests())
def test_an_example_of_link_works_as_it_stands(client: httpx.Client, document: dict[str, Any], name: str) -> None:
    shown = document["paths"]["/link"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert shown.keys() == examples.link_requests().keys()
    answer = client.post("/link", json=shown[name]["value"]).raise_for_status()
    response = LinkResponse.model_validate_json(answer.content, strict=True)
    regions = shown[name]["value"].get("regions", [None])
    whole = shown[name]["value"].get("whole", False)
    assert len(response.results) == (2 + whole if regions == "find" else len(regions))
    assert all(result.candidates for result in response.results)


@pytest.mark.parametrize("name", examples.segment_requests())
def test_an_example_of_segment_works_as_it_stands(client: httpx.Client, document: dict[str, Any], name: str) -> None:
    shown = document["paths"]["/segment"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    answer = client.post("/segment", json=shown[name]["value"]).raise_for_status()
    assert SegmentResponse.model_validate_json(answer.content, strict=True).regions


@pytest.mark.parametrize("name", examples.explain_requests())
def test_an_example_of_explain_works_as_it_stands(client: httpx.Client, document: dict[str, Any], name: str) -> None:
    shown = document["paths"]["/explain"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    answer = client.post("/explain", json=shown[name]["value"]).raise_for_status()
    assert ExplainResponse.model_validate_json(answer.content, strict=True).words


def test_the_examples_of_get_routes_work(client: httpx.Client, document: dict[str, Any]) -> None:
    tried = set()
    for path, operations in document["paths"].items():
        # Of a demo that was not made, and for an admin alone.
        if "get" not in operations or path == "/scenes/{name}" or path.startswith("/jobs"):
            continue
        url = path
        for parameter in operations["get"].get("parameters", []):
            if parameter["in"] == "path":
                url = url.replace(f"{{{parameter['name']}}}", quote(parameter["example"], safe=""))
        assert client.get(url).status_code == 200, url
        tried.add(path)
    records = ("/entities", "/entities/{entity_id}", "/entities/{entity_id}/image", "/entities/{entity_id}/neighbours")
    assert tried == {*records, "/healthz", "/metrics", "/readyz", "/scenes", "/tags"}


def test_every_error_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    responses = document["paths"]["/link"]["post"]["responses"]
    documented = {code for status in responses if status != "200" for code in content(responses[status])["examples"]}
    for cause in (Cause.MALFORMED_JSON, Cause.BODY_TOO_LARGE, Cause.EMPTY_MASK, Cause.BUSY, Cause.INTERNAL_ERROR):
        assert cause.code in documented
        assert cause.type in document["info"]["description"]
    assert "HTTPValidationError" not in str(document)


def test_every_operation_says_what_may_come_before_it_is_reached(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            documented = {code for each in operation["responses"].values() for code in _codes(each)}
            assert {cause.code for cause in ANYWHERE} <= documented, path


def _codes(response: dict[str, Any]) -> set[str]:
    return set(response.get("content", {}).get("application/problem+json", {}).get("examples", {}))


def test_with_keys_the_open_paths_ask_for_none(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("")
    document = create_app(Settings(keys=keys)).openapi()
    assert document["security"] == [{"key": []}]
    unasked = {
        path for path, operations in document["paths"].items() if operations.get("get", {}).get("security") == []
    }
    assert unasked == {"/healthz", "/readyz"}


def content(response: dict[str, Any]) -> dict[str, Any]:
    assert list(response["content"]) == ["application/problem+json"]
    found: dict[str, Any] = response["content"]["application/problem+json"]
    return found


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str):
                found = document
                for part in reference.removeprefix("#/").split("/"):
                    found = found[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)


def test_the_document_of_a_server_that_is_not_ready_is_whole_too() -> None:
    assert "/link" in create_app(Settings()).openapi()["paths"]


def test_the_examples_show_one_disc_in_every_form() -> None:
    assert Image.open(io.BytesIO(examples.picture())).size == (examples.WIDTH, examples.HEIGHT)
    mask = Image.open(io.BytesIO(base64.b64decode(examples.regions()["png"]["png"])))
    assert mask.size == (examples.WIDTH, examples.HEIGHT)
    assert set(examples.regions()) == {"rle", "rles", "polygon", "box", "png"}


def test_the_document_is_made_once_and_sent_as_it_is(client: httpx.Client, service: Service) -> None:
    first = client.get("/openapi.json")
    document = service.app.state.document
    made = document._sent
    assert client.get("/openapi.json").content == first.content == made.content
    assert document._sent is made
    again = client.get("/openapi.json", headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
