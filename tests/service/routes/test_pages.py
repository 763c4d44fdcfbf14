"""The page's files: their types, their policy, and that they ask no other server."""

import posixpath
import re
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from service.routes import pages

HOME = Path(str(files("service") / "page"))
PAGE = {path.relative_to(HOME).as_posix(): path.read_text() for path in HOME.rglob("*.*")}


def test_the_page_and_its_files_are_served_with_their_types(client: httpx.Client) -> None:
    assert client.get("/").text == PAGE["index.html"]
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert pages.PAGE.names == set(PAGE)
    for name, content in PAGE.items():
        answer = client.get(f"/page/{name}")
        assert (answer.status_code, answer.text) == (200, content)
        assert answer.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_an_editor_leaves_beside_them_is_no_file_of_the_page(tmp_path: Path) -> None:
    """It was one without a type, and asking for it an internal error."""
    (tmp_path / "base").mkdir()
    for name in ("main.js", "base/dom.js", "base/dom.js~", "base/.dom.js.swp", ".DS_Store"):
        (tmp_path / name).touch()
    assert {*pages.names_in(tmp_path)} == {"main.js", "base/dom.js"}


def test_the_style_sheets_come_as_one(client: httpx.Client) -> None:
    assert re.findall(r'rel="stylesheet" href="([^"]+)"', PAGE[pages.FRONT]) == ["/page/styles.css"]
    answer = client.get("/page/styles.css")
    assert answer.headers["content-type"].startswith("text/css")
    begins = [answer.text.index(PAGE[f"styles/{name}.css"]) for name in pages.STYLE_SHEETS]
    assert begins == sorted(begins)
    assert pages.STYLE_SHEETS[-1] == "narrow"  # it says otherwise than the others


@pytest.mark.parametrize("name", ["main.js", "styles.css"])
def test_a_file_that_a_browser_has_is_not_sent_again(client: httpx.Client, name: str) -> None:
    tag = client.get(f"/page/{name}").headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(f"/page/{name}", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["content-security-policy"] == pages.PAGE_POLICY  # a browser takes it from here, too
    for other in ('"other"', tag.strip('"'), ""):
        assert client.get(f"/page/{name}", headers={"If-None-Match": other}).status_code == 200
    assert client.get("/page/masks/rle.js").headers["etag"] != tag


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_description_is_at_one_address_from_which_its_links_lead_somewhere(
    client: httpx.Client, method: str
) -> None:
    moved = client.request(method, "/docs/index.html")
    assert moved.status_code == 308
    assert (moved.has_redirect_location, moved.next_request.url.path) == (True, "/docs")
    description = client.get("/docs/index.html", follow_redirects=True)
    assert description.url.path == "/docs"
    links = re.findall(r'(?:src|href)="(docs/[^"]+)"', description.text)
    assert len(links) == 3
    for link in links:
        assert client.get(description.url.join(link)).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "none.js",
        "..%2Fweb.py",
        "%2e%2e/web.py",
        "index.html/",
        "masks",
        "masks/",
        "masks/..%2Fmain.js",
        "masks/none.js",
        "",
    ],
)
def test_nothing_else_is_served(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:wikiclip:problem:not-found")


def test_the_policy_allows_nothing_inline_and_no_other_server(client: httpx.Client) -> None:
    policy = dict(part.split(" ", 1) for part in client.get("/").headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {name: policy[name] for name in ("script-src", "style-src", "connect-src")} == dict.fromkeys(
        ("script-src", "style-src", "connect-src"), "'self'"
    )
    assert "unsafe" not in str(policy)
    html = PAGE["index.html"]
    assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", html) == []


@pytest.mark.parametrize("name", sorted(PAGE))
def test_no_file_names_another_server(name: str) -> None:
    """But a namespace, which nothing is fetched from."""
    named = re.findall(
        r"""(?:https?:|["'`(])//[\w.-]+\.\w+""", re.sub(r"^\s*//.*$", "", PAGE[name], flags=re.MULTILINE)
    )
    assert [one for one in named if one != "http://www.w3.org"] == []


def imports_of(name: str) -> set[str]:
    """The files that one of the page asks for, as they are called from the page's folder."""
    named = re.findall(r'from "(\.{1,2}/[^"]+)"', PAGE[name])
    return {posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in named}


def test_every_file_that_is_asked_for_is_there_and_every_one_is_asked_for() -> None:
    modules = {name for name in PAGE if name.endswith(".js")}
    front = re.sub(r"<link rel=.modulepreload.*", "", PAGE[pages.FRONT])
    asked = set(re.findall(r'(?:src|href)="/page/([^"]+)"', front))
    asked = asked - {pages.STYLES} | {f"styles/{name}.css" for name in pages.STYLE_SHEETS}
    assert asked.union(*map(imports_of, modules)) | {pages.FRONT} == set(PAGE)
    used = re.findall(r'href="#(i-\w+)"', PAGE[pages.FRONT])
    assert set(used) == set(re.findall(r'<symbol id="(i-\w+)"', PAGE[pages.FRONT]))


def test_all_modules_are_asked_for_at_once() -> None:
    """A browser that finds them layer by layer waits for an answer from afar once a layer."""
    early = re.findall(r'rel="modulepreload" href="/page/([^"]+)"', PAGE[pages.FRONT])
    assert early == sorted({name for name in PAGE if name.endswith(".js")} - {"main.js"})


def test_folders_of_the_page_import_in_one_direction() -> None:
    order = ["base", "masks", "knowledge", "answers", "stage", "asking", ""]
    for name in PAGE:
        home = posixpath.dirname(name)
        for other in (posixpath.dirname(asked) for asked in imports_of(name)):
            assert other == home or order.index(other) < order.index(home), (name, other)
