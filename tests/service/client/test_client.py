"""The client and its command line, against a real server; and against one that is busy, or is something else."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from service import examples
from service.client import LinkClient, LinkError
from service.client.__main__ import app
from service.examples import HEIGHT, WIDTH
from tests.service.conftest import ODD_ID, Service
from wikiclip.base.errors import WikiClipError


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(examples.picture())
    return path


@pytest.fixture
def linking(service: Service) -> Iterator[LinkClient]:
    with LinkClient(service.url) as client:
        yield client


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_it_answers_what_the_route_answers(linking: LinkClient, client: httpx.Client, picture: Path) -> None:
    for region in examples.regions().values():
        asked = {"image": base64.b64encode(picture.read_bytes()).decode(), "region": region, "top_k": 3}
        direct = client.post("/link", json=asked).json()
        for image in (picture, picture.read_bytes()):
            answer = linking.link(image, region, top_k=3)
            assert [found.entity_id for found in answer.results[0].candidates] == [
                found["entity_id"] for found in direct["results"][0]["candidates"]
            ]
    assert len(linking.link(picture, regions=[None, {"box": [0, 0, 9, 9]}]).results) == 2
    assert linking.link(picture, min_score=1.0).results[0].candidates == []


def test_it_reads_records_of_any_id(linking: LinkClient) -> None:
    assert linking.entity(ODD_ID).title == "two pictures"
    with pytest.raises(LinkError, match="no such entity") as caught:
        linking.entity("none")
    assert (caught.value.status, caught.value.type) == (404, "urn:wikiclip:problem:unknown-entity")


def test_an_outline_is_linked_as_it_comes(linking: LinkClient, client: httpx.Client, picture: Path) -> None:
    asked = {"image": base64.b64encode(picture.read_bytes()).decode()}
    for place in ({"point": [17, 15]}, {"box": [4.0, 2.0, 27.0, 27.0]}, {}):
        direct = client.post("/segment", json=asked | place).json()["regions"]
        regions = linking.segment(picture, **place).regions
        assert [dict(region.rle) for region in regions] == [region["rle"] for region in direct]
        assert len(regions) == 1 or "box" not in place
        answer = linking.link(picture, regions=[region.rle for region in regions])
        assert len(answer.results) == len(regions)
    with pytest.raises(LinkError, match="outside") as caught:
        linking.segment(picture, point=(10_000, 0))
    assert caught.value.type == "urn:wikiclip:problem:outside-picture"
    with pytest.raises(LinkError, match="not both"):
        linking.segment(picture, point=(1, 1), box=(1, 1, 4, 4))


def test_an_answer_is_explained(linking: LinkClient, picture: Path) -> None:
    region = {"box": [6, 4, 23, 23]}
    best = linking.link(picture, region).results[0].candidates[0]
    told = linking.explain(picture, best.entity_id, region)
    assert told.entity == linking.entity(best.entity_id)
    assert told.score == pytest.approx(best.score, abs=1e-3)
    with pytest.raises(LinkError, match="no such entity"):
        linking.explain(picture, "none")


def test_it_looks_titles_and_neighbours_up(linking: LinkClient) -> None:
    assert [each.title for each in linking.entities("RED").entities] == ["red block", "red disc"]
    assert [each.title for each in linking.entities("red", limit=1).entities] == ["red block"]
    assert len(linking.entities().entities) == 11
    near = linking.neighbours(ODD_ID, top_k=3).candidates
    assert len(near) == 3
    assert ODD_ID not in [each.entity_id for each in near]
    with pytest.raises(LinkError, match="top_k"):
        linking.neighbours(ODD_ID, top_k=0)
    with pytest.raises(LinkError, match="no such entity"):
        linking.neighbours("none")


def test_a_refusal_says_what_is_wrong(linking: LinkClient, picture: Path) -> None:
    with pytest.raises(LinkError, match="cannot be decoded") as caught:
        linking.link(picture.read_bytes()[:60])
    assert caught.value.type == "urn:wikiclip:problem:malformed-image"
    with pytest.raises(LinkError, match="#/top_k"):
        linking.link(picture, top_k=1000)


def test_the_command_prints_a_table_for_each_region(service: Service, picture: Path, tmp_path: Path) -> None:
    mask = Image.new("L", (examples.WIDTH, examples.HEIGHT))
    mask.paste(255, (6, 4, 29, 27))
    mask.save(tmp_path / "mask.png")
    said = run(
        "link", picture, "--box", "6,4,23,23", "--mask", tmp_path / "mask.png", "--url", service.url, "--top-k", 2
    )
    assert "box 6,4,23,23" in said
    assert "mask.png" in said.replace("\n", "")
    first = json.loads(run("link", picture, "--box", "6,4,23,23", "--url", service.url, "--json"))["results"][0]
    assert first["candidates"][0]["entity_id"] in said
    assert said.count("│ 2 │") == 2
    found = json.loads(run("link", picture, "--polygon", "6,4,29,4,29,27", "--url", service.url, "--json"))
    assert len(found["results"][0]["candidates"]) == 5
    assert "all of" in run("link", picture, "--url", service.url)


def test_the_command_finds_what_stands_out(
    service: Service, linking: LinkClient, picture: Path, tmp_path: Path
) -> None:
    found = linking.link(picture, regions="find").results
    told = run("link", picture, "--find", "--url", service.url)
    for one in found:
        assert one.region is not None
        assert f"found at {','.join(map(str, one.region.box))}" in told
    plain = tmp_path / "plain.png"
    Image.new("RGB", (40, 30), (90, 90, 90)).save(plain)
    assert "Nothing stands out" in run("link", plain, "--find", "--url", service.url)
    both = run("link", picture, "--find", "--whole", "--url", service.url)
    assert both.count("found at") == len(found)
    assert both.rindex("all of") > both.rindex("found at")
    told = run("link", plain, "--find", "--whole", "--url", service.url)
    assert told.index("Nothing stands out") < told.index("all of")
    with pytest.raises(WikiClipError, match="goes with --find"):
        run("link", picture, "--whole", "--url", service.url)
    with pytest.raises(WikiClipError, match="give it, or regions"):
        run("link", picture, "--find", "--box", "1,1,4,4", "--url", service.url)


def test_the_command_links_what_lies_at_a_point(service: Service, linking: LinkClient, picture: Path) -> None:
    region = linking.segment(picture, point=(17, 15)).regions[0].rle
    expected = linking.link(picture, regions=[{"box": [6, 4, 23, 23]}, region], top_k=5).results
    asked = ("link", picture, "--point", "17,15", "--box", "6,4,23,23", "--url", service.url)
    found = json.loads(run(*asked, "--json"))["results"]
    assert [[each["entity_id"] for each in result["candidates"]] for result in found] == [
        [each.entity_id for each in result.candidates] for result in expected
    ]
    said = run(*asked)
    assert said.index("box 6,4,23,23") < said.index("point 17,15")


def test_the_command_looks_a_title_up(service: Service) -> None:
    said = run("entities", "red", "--url", service.url)
    assert said.index("red-block") < said.index("red-disc")
    assert "blue" not in said
    found = json.loads(run("entities", "red", "--limit", 1, "--url", service.url, "--json"))["entities"]
    assert [each["entity_id"] for each in found] == ["red-block"]
    assert len(found[0]["text"]) > 160


def test_what_cannot_be_done_is_one_line(service: Service, picture: Path, tmp_path: Path) -> None:
    for option, value in (
        ("--box", "1,2,3"),
        ("--box", "a,b,c,d"),
        ("--polygon", ""),
        ("--point", "1"),
        ("--mask", tmp_path / "none.png"),
    ):
        with pytest.raises(WikiClipError, match=r"--box takes|--polygon takes|--point takes|cannot be read"):
            run("link", picture, option, value, "--url", service.url)
    with pytest.raises(LinkError, match="did not answer"):
        run("link", picture, "--url", "http://127.0.0.1:9")


class Scripted:
    """A server that gives the next of its answers to whatever is asked, and notes the keys that it was sent."""

    def __init__(self, answers: list[tuple[int, dict[str, str], bytes]]) -> None:
        scripted = self
        self.keys: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                scripted.keys.append(self.headers.get("authorization"))
                status, headers, body = answers.pop(0)
                self.send_response(status)
                for name, value in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    running: list[Scripted] = []

    def start(*answers: tuple[int, dict[str, str], bytes]) -> Scripted:
        running.append(Scripted(list(answers)))
        return running[-1]

    yield start
    for server in running:
        server.close()


BUSY = (
    503,
    {"retry-after": "0"},
    json.dumps({"type": "t", "title": "Busy.", "detail": "Later.", "status": 503}).encode(),
)
NOTHING = (
    200,
    {},
    json.dumps(
        {
            "results": [],
            "model": "tiny",
            "index_version": "v",
            "timings_ms": {"decode": 0, "wait": 0, "encode": 0, "search": 0, "total": 0},
        }
    ).encode(),
)


def test_a_busy_service_is_asked_again_and_not_for_ever(scripted: Callable[..., Scripted]) -> None:
    with LinkClient(scripted(BUSY, BUSY, NOTHING).url) as client:
        assert client.link(b"x").index_version == "v"
    with (
        LinkClient(scripted(*[BUSY] * 3).url, attempts=3) as client,
        pytest.raises(LinkError, match=r"Busy\. Later\.") as told,
    ):
        client.link(b"x")
    assert told.value.status == 503


def test_keys_are_sent_and_other_servers_are_told_apart(scripted: Callable[..., Scripted], monkeypatch) -> None:
    server = scripted(NOTHING, NOTHING)
    LinkClient(server.url, key="wk_a").link(b"x")
    monkeypatch.setenv("WIKICLIP_KEY", "wk_b")
    LinkClient(server.url).link(b"x")
    assert server.keys == ["Bearer wk_a", "Bearer wk_b"]
    with pytest.raises(LinkError, match="is it a WikiCLIP Service"):
        LinkClient(scripted((200, {}, b"<html>")).url).link(b"x")
    with pytest.raises(LinkError, match="answers 502"):
        LinkClient(scripted((502, {}, b"<html>")).url).link(b"x")
    with pytest.raises(LinkError, match="answers 500"):
        LinkClient(scripted((500, {}, b"[]")).url).link(b"x")


def held_pictures(png: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "picture.png"
    path.write_bytes(png)
    return {
        "bytes": png,
        "bytearray": bytearray(png),
        "Path": path,
        "str": str(path),
        "open file": io.BytesIO(png),
        "Pillow": Image.open(path),
    }


def test_a_picture_is_taken_as_python_users_hold_it(service: Service, png: bytes, tmp_path: Path) -> None:
    with LinkClient(service.url) as ask:
        expected = ask.link(png).results
        for name, picture in held_pictures(png, tmp_path).items():
            assert ask.link(picture).results == expected, name
        with pytest.raises(LinkError, match="not a float"):
            ask.link(1.5)
        with pytest.raises(OSError, match="none"):
            ask.link(str(tmp_path / "none"))


def test_a_region_is_taken_as_python_users_hold_it(service: Service, png: bytes) -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[4:28, 6:30] = 1
    plain = {"box": [6, 4, 24, 24]}
    held: dict[str, Any] = {
        "pycocotools' RLE": coco_mask.encode(mask),
        "a box of np.float32": {"box": list(np.array([6, 4, 24, 24], np.float32))},
        "a box as an array": {"box": np.array([6, 4, 24, 24])},
        "a box as a tuple": {"box": (6, 4, 24, 24)},
        "a polygon as an array": {"polygon": [np.array([6.0, 4, 30, 4, 30, 28, 6, 28])]},
        "polygons as a matrix": {"polygon": np.array([[6, 4, 30, 4, 30, 28, 6, 28]])},
        "a mask of numbers": mask,
        "a mask of truths": mask.astype(bool),
    }
    with LinkClient(service.url) as ask:
        expected = ask.link(png, plain).results[0].candidates[0].score
        for name, region in held.items():
            assert ask.link(png, region).results[0].candidates[0].score == pytest.approx(expected, abs=0.02), name
        together = ask.link(png, regions=list(held.values()), top_k=np.int64(1))
        assert len(together.results) == len(held)
        assert ask.segment(png, point=np.array([18, 15])).regions
        for wrong in ({"box": object()}, {"box": [float("nan"), 0, 1, 1]}, {1, 2}.__iter__()):
            with pytest.raises(LinkError, match="`region` cannot be sent"):
                ask.link(png, wrong)
        with pytest.raises(LinkError, match=r'a box is \{"box"'):
            ask.link(png, [6, 4, 24, 24])


@pytest.mark.parametrize(
    "environment",
    [
        {"NO_PROXY": "localhost,127.0.0.1,[::1]"},
        {"NO_PROXY": "127.0.0.1,fe11::/16"},
        {"ALL_PROXY": "socks5://127.0.0.1:1"},
        {"ALL_PROXY": "socks://127.0.0.1:1/"},
        {"HTTP_PROXY": "http://[::1"},
    ],
)
def test_an_environment_that_httpx_does_not_like_is_an_answer_or_one_line(
    service: Service, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for url in (service.url, "http://127.0.0.1:1", "http://\ud800", "nowhere"):
        with suppress(LinkError), LinkClient(url, attempts=1, timeout_s=5) as ask:
            ask.entities("red")
