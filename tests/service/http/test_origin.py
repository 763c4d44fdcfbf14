"""Hosts, origins and security headers, on an application that says hello."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.http.answer_headers import ANSWER_HEADERS, AnswerHeaders
from service.http.origin import OwnOrigin


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello", headers={"Content-Security-Policy": "default-src 'self'"})


def ask(method: str = "GET", *, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = (), **headers: str):
    app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
    transport = httpx.ASGITransport(AnswerHeaders(OwnOrigin(app, hosts=hosts, origins=origins)))

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, "/", headers=sent)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8000", "localhost.", "127.0.0.1", "127.0.0.1:80", "[::1]:8000", "10.1.2.3", "[fe80::1]"],
)
def test_addresses_and_localhost_are_answered_to(host: str) -> None:
    assert ask(host=host).text == "hello"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io", "a@127.0.0.1", "[::1", "127.0.0.1:x", "x y"],
)
def test_other_names_are_refused(host: str) -> None:
    answer = ask(host=host)
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:wikiclip:problem:wrong-host")
    assert "nosniff" in answer.headers["x-content-type-options"]


def test_an_operator_adds_names() -> None:
    assert ask(hosts=("Link.Example.org",), host="link.example.org:443").status_code == 200
    assert ask(hosts=("link.example.org",), host="other.example.org").status_code == 421
    assert ask(hosts=("*",), host="any.example").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"origin": "http://127.0.0.1:8000.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_a_foreign_page_may_look_but_not_ask(headers: dict[str, str]) -> None:
    answer = ask("POST", **headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:wikiclip:problem:foreign-origin")
    assert ask("GET", **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "https://127.0.0.1:8000"},  # behind a proxy that speaks TLS
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "https://example.org"},
        {"origin": "HTTPS://Example.org"},
    ],
)
def test_programs_own_pages_and_listed_sites_may_ask(headers: dict[str, str]) -> None:
    assert ask("POST", origins=("https://example.org/",), **headers).status_code == 200


def test_headers_are_added_and_none_is_overwritten() -> None:
    answer = ask()
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    for name, value in ANSWER_HEADERS.items():
        assert name == "Content-Security-Policy" or answer.headers[name] == value
