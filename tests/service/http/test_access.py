"""Keys, roles and rates, on an application that names its caller."""

import asyncio
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from typer.testing import CliRunner

from service.http.access import Access
from service.http.key_ring import KeyRing
from service.http.rates import read_rate
from service.keys import app
from service.routes import operations, pages
from service.settings import Settings
from tests.service.conftest import Service, ready
from wikiclip.base.errors import WikiClipError

OPEN = (*operations.OPEN, *pages.OPEN)


async def who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(getattr(request.state, "caller", "nobody"))


def paths() -> Starlette:
    return Starlette(routes=[Route("/{path:path}", who, methods=["GET", "POST"])])


class Asked:
    """Asks the application behind `Access`, with one of its keys."""

    def __init__(self, keys: Path | None, rate: str = "") -> None:
        self._access = Access(
            paths(),
            open_paths=OPEN,
            keys=None if keys is None else KeyRing(keys),
            rate=read_rate(rate, setting="WIKICLIP_RATE", counted="requests"),
        )

    def __call__(self, path: str, key: str | None = None, *, header: str | None = None) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self._access)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                sent = header if key is None else f"Bearer {key}"
                return await client.get(path, headers={} if sent is None else {"authorization": sent})

        return asyncio.run(run())


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def make(file: Path, name: str, *options: str) -> str:
    return run("add", name, "--file", file, *options).strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "keys"


def test_a_key_is_asked_for_and_names_its_caller(file: Path) -> None:
    key, admin = make(file, "shop"), make(file, "ops", "--admin")
    ask = Asked(file)
    assert ask("/link", key).text == "shop"
    assert ask("/link", header=f"bearer   {key}").text == "shop"
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {key}",
        f"Bearer {key}x",
        f"Bearer {key[:-1]}",
        f"Bearer {key} x",
        key,
    ):
        answer = ask("/link", header=header)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:wikiclip:problem:unauthorized"), header
        assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/admin/reload", "/admin", "/metrics"):
        assert ask(path, key).json()["type"] == "urn:wikiclip:problem:forbidden"
        assert ask(path, admin).text == "ops"
        assert ask(path).status_code == 401
    for path in ("/healthz", "/readyz"):
        assert ask(path).text == "nobody"
    assert ask("/healthz/more").status_code == 401


def test_without_keys_anyone_asks_and_nobody_administers() -> None:
    ask = Asked(None)
    assert ask("/link").text == "127.0.0.1"
    assert ask("/metrics").status_code == 200
    assert ask("/administer").status_code == 200
    assert ask("/admin/reload", "wk_anything").json()["type"] == "urn:wikiclip:problem:forbidden"


def test_keys_are_rotated_while_the_service_runs(file: Path) -> None:
    old = make(file, "shop")
    ask = Asked(file)
    new = make(file, "shop")
    assert [ask("/link", key).status_code for key in (old, new)] == [200, 200]
    line = file.read_text().splitlines(keepends=True)[1]
    file.write_text(line)
    assert [ask("/link", key).status_code for key in (old, new)] == [401, 200]
    file.write_text("rubbish\n")  # a mistake locks nobody out, and lets nobody in
    assert [ask("/link", key).status_code for key in (old, new)] == [401, 200]
    file.unlink()
    assert ask("/link", new).status_code == 200


@pytest.mark.parametrize("harm", ["rubbish", "gone", "others may write", "a pipe"])
def test_a_file_that_became_worse_is_logged_once_and_told_to_an_admin(
    file: Path,
    harm: str,
    caplog: pytest.LogCaptureFixture,
    start: Callable[[Settings], Service],
    settings: Settings,
) -> None:
    removed, admin = make(file, "gone"), make(file, "ops", "--admin")
    service = ready(start(settings.model_copy(update={"keys": file})))
    with httpx.Client(base_url=service.url, headers={"authorization": f"Bearer {admin}"}) as client:
        assert client.get("/readyz").json()["keys"] is None
        kept = file.read_text().splitlines(keepends=True)[1]
        file.unlink()
        if harm == "rubbish":
            file.write_text(kept + "rubbish\n")
            file.chmod(0o600)
        elif harm == "others may write":
            file.write_text(kept)
            file.chmod(0o666)
        elif harm == "a pipe":
            os.mkfifo(file, 0o600)
        for _ in range(3):
            old = client.get("/entities/red-disc", headers={"authorization": f"Bearer {removed}"})
            assert old.status_code == 200
        assert "key" in client.get("/readyz").json()["keys"]
        assert "wikiclip_keys_readable 0.0" in client.get("/metrics").text
        for secret in (removed, "wk_none"):
            plain = client.get("/readyz", headers={"authorization": f"Bearer {secret}"}).json()
            assert plain["keys"] is None
        assert len([record for record in caplog.records if "may still be valid" in record.message]) == 1
        file.unlink(missing_ok=True)
        file.write_text(kept)
        file.chmod(0o600)
        assert client.get("/entities/red-disc", headers={"authorization": f"Bearer {removed}"}).status_code == 401
        assert client.get("/readyz").json()["keys"] is None
        assert "wikiclip_keys_readable 1.0" in client.get("/metrics").text


@pytest.mark.parametrize(("proxies", "expected"), [((), [200, 200, 429, 429]), (("127.0.0.1",), [200, 200, 200, 200])])
def test_who_calls_is_told_by_the_connection_unless_a_named_proxy_says_otherwise(
    proxies: tuple[str, ...], expected: list[int], start: Callable[[Settings], Service], settings: Settings
) -> None:
    service = ready(start(settings.model_copy(update={"proxies": proxies, "rate": "2/hour"})))
    found = [
        httpx.get(f"{service.url}/entities/red-disc", headers={"x-forwarded-for": f"10.0.0.{n}"}).status_code
        for n in range(4)
    ]
    assert found == expected


def test_the_file_keeps_no_key_and_is_its_owner_s_alone(file: Path) -> None:
    keys = [make(file, "a"), make(file, "b", "--admin")]
    assert keys[0].startswith("wk_")
    assert len(set(keys)) == 2
    assert not any(key in file.read_text() for key in keys)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = run("list", "--file", file)
    assert "a  caller" in shown
    assert "b  admin" in shown
    assert "1 of 2 keys removed" in run("remove", "a", "--file", file)
    assert [Asked(file)("/link", key).status_code for key in keys] == [401, 200]
    with pytest.raises(WikiClipError, match="no key of 'a'"):
        run("remove", "a", "--file", file)


def test_what_is_wrong_with_a_file_of_keys_is_said(file: Path, tmp_path: Path) -> None:
    for name in ("", "a b", "ä", "x" * 65):
        with pytest.raises(WikiClipError, match="A name has"):
            make(file, name)
    with pytest.raises(WikiClipError, match="cannot be read"):
        KeyRing(tmp_path / "none")
    (tmp_path / "bad").write_text("# a comment\n\nshop caller abc\n")
    with pytest.raises(WikiClipError, match="line 3, is not a key"):
        KeyRing(tmp_path / "bad")
    with pytest.raises(WikiClipError, match="WIKICLIP_KEYS"):
        run("list")


def test_a_rate_holds_for_each_key_and_says_when_to_come_back(file: Path) -> None:
    one, other = make(file, "one"), make(file, "other")
    ask = Asked(file, rate="3/minute")
    assert [ask("/link", one).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = ask("/link", one)
    assert refused.json()["type"] == "urn:wikiclip:problem:rate-limited"
    assert refused.json()["detail"] == "Allowed are 3 requests per minute."
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert ask("/link", other).status_code == 200
    assert ask("/healthz").status_code == 200


def test_a_rate_s_window_moves_on() -> None:
    ask = Asked(None, rate="2/second")
    assert [ask("/link").status_code for _ in range(3)] == [200, 200, 429]
    time.sleep(1.1)
    assert ask("/link").status_code == 200


def test_a_line_break_behind_a_path_gets_nobody_in(file: Path) -> None:
    """Starlette's routes overlook it: /jobs%0A would be answered as /jobs, without an admin's key."""
    make(file, "ops", "--admin")
    ask, key = Asked(file), make(file, "shop")
    for path in ("/jobs%0A", "/metrics%0A", "/entities%0A", "/healthz%0A", "/admin/a%0Ab"):
        assert ask(path, key).json()["type"] == "urn:wikiclip:problem:not-found", path
    assert ask("/entities/a%0A", key).text == "shop", "an id is looked at by its route"
