"""Answers, several of them, in words where something is wrong, and as a command to be pasted."""

import io
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from typer.testing import CliRunner

from service.keys import app as keys_app
from service.settings import Settings
from tests.service.conftest import Service, ready
from tests.service.page.conftest import BLOCK, DISC, HEIGHT, WIDTH, Board

HEAD = "POST /link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


VERDICT = """async (result) => {
  const { verdictOf } = await import("/page/answers/verdict.js");
  return verdictOf(result);
}"""


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8))


def test_several_regions_are_asked_about_at_once_and_stand_side_by_side(board: Board) -> None:
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    board.button("New region").click()
    board.drag(BLOCK[:2], BLOCK[2:])
    assert [text.split("\n")[1] for text in board.regions()] == ["Region 1", "Region 2"]
    board.ask()
    assert len(board.masks()) == 2
    answers = board.page.locator(".answer")
    expect(answers).to_have_count(2)
    colours = answers.evaluate_all("nodes => nodes.map((node) => getComputedStyle(node).borderTopColor)")
    assert len(set(colours)) == 2
    expect(board.page.locator("#said")).to_contain_text("Region 2: ")
    # A region that is drawn on further has no answer any more; only it is asked about again.
    board.button("Region 1", exact=False).first.click()
    board.drag((10, 10), (30, 30))
    expect(answers).to_have_count(1)
    board.ask()
    assert len(board.masks()) == 1


def test_a_low_confidence_is_not_taken_for_knowledge(board: Board, client: httpx.Client, shapes: bytes) -> None:
    board.ask()
    (told,) = client.post("/link", files={"image": shapes}).json()["results"]
    answer = board.answer("Whole picture")
    verdict = answer.locator(".verdict")
    assert board.page.evaluate(VERDICT, told) in ("sure", "probable", "unknown")
    if told["confidence"] < 0.5:
        unknown = board.page.evaluate(VERDICT, told) == "unknown"
        expect(verdict).to_contain_text("I do not know what this is" if unknown else "Probably")
    else:
        expect(verdict).to_have_text(told["candidates"][0]["title"])
    expect(answer.locator(".sure")).to_contain_text(f"{told['confidence']:.0%} sure")


@pytest.mark.parametrize(
    ("scores", "stands_out"),
    [
        ([0.56, 0.5, 0.49, 0.46, 0.45], True),  # 0.06 before the next; the others lie 0.05 apart
        ([0.54, 0.5, 0.49, 0.46, 0.45], False),
        ([0.5, 0.5, 0.5, 0.5], False),
        ([0.6, 0.5, 0.5], True),
        ([0.6, 0.5], False),  # two do not tell
        ([0.4, 0.6, 0.3], False),  # a cross-encoder put it first
        ([], False),
    ],
)
def test_a_candidate_stands_out_by_its_lead(visit: Callable[..., Page], scores: list[float], stands_out: bool) -> None:
    page, candidates = visit(), [{"score": score} for score in scores]
    for confidence, otherwise in ((0.25, "unknown"), (None, "unsaid")):
        expected = "probable" if stands_out else otherwise if scores else "none"
        assert page.evaluate(VERDICT, {"confidence": confidence, "candidates": candidates}) == expected
    # Where the confidence is below half of what counts as sure, no lead makes up for it.
    assert page.evaluate(VERDICT, {"confidence": 0.24, "candidates": candidates}) == ("unknown" if scores else "none")


def test_what_counts_as_sure_is_the_services_to_say(
    visit: Callable[..., Page], start: Callable[[Settings], Service], settings: Settings, shapes: bytes
) -> None:
    strict = ready(start(settings.model_copy(update={"sure": 1.0})))
    board = Board(visit(strict.url))
    board.open(shapes)
    board.mark(DISC)
    board.ask()
    expect(board.page.locator(".verdict")).to_contain_text(re.compile("^(I do not know|Probably)"))
    known = {"confidence": 0.99, "candidates": [{"score": 0.5}]}
    assert board.page.evaluate(VERDICT, known) == "unknown"
    assert board.page.evaluate(VERDICT, {**known, "confidence": 1}) == "sure"


def test_what_stands_out_is_called_probable_and_no_more(board: Board) -> None:
    script = """async () => {
      const { resultOf, summary } = await import("/page/answers/cards.js");
      const candidates = [0.7, 0.5, 0.49].map((score, place) => (
        { rank: place + 1, entity_id: `id ${place}`, title: `thing ${place}`, text: "", score, url: null,
          image: null, attribution: null }));
      const region = { number: 1, name: "Region 1", colour: "#123456", only: [],
                       result: { confidence: 0.3, candidates },
                       answer: { timings_ms: { decode: 1, wait: 0, encode: 1, search: 1, total: 3 } } };
      const node = resultOf(region, {});
      region.result = { confidence: null, candidates };
      const unmeasured = resultOf(region, {}).querySelector(".sure meter");
      return [node.querySelector(".sure").innerText, unmeasured, summary(region)];
    }"""
    shown, meter, said = board.page.evaluate(script)
    assert "Probably thing 0" in shown
    assert "That is no proof" in shown
    assert "30% sure" in shown
    assert (meter, said) == (None, "Region 1: probably thing 0.")


def test_a_card_says_little_until_more_is_asked_for(board: Board) -> None:
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    board.ask()
    answer = board.page.locator(".answer")
    card = answer.locator(".card", has=board.page.get_by_role("heading", name="red disc", exact=True))
    expect(card.get_by_text("Source ↗")).to_be_hidden()
    expect(card.get_by_text("similarity", exact=False).last).to_be_hidden()
    card.get_by_text("Source and similarity").click()
    for each in ("Source ↗", "Tests"):
        expect(card.get_by_text(each, exact=True)).to_be_visible()
    expect(card.locator("meter")).to_be_visible()
    expect(answer.locator(".timings")).to_be_hidden()
    answer.get_by_text("Details").click()
    expect(answer.locator(".timings")).to_contain_text("searching")
    # Without a picture there is no frame for one, and none stays where its file is none.
    for bare in ("idea", "nothing", "blue block"):
        for found in answer.locator(".card", has=board.page.get_by_role("heading", name=bare, exact=True)).all():
            expect(found.locator(".thumb")).to_have_count(0)


@pytest.mark.parametrize(
    ("confidence", "verdict", "said"),
    [
        (0.92, "red disc", "Region 1: red disc, 92% sure."),
        (0.49, "I do not know what this is. These are nearest:", "Region 1: not known. Nearest is red disc."),
        (None, None, "Region 1: nearest is red disc."),
    ],
)
def test_what_is_said_at_each_confidence(
    board: Board, confidence: float | None, verdict: str | None, said: str
) -> None:
    script = """async (confidence) => {
      const { resultOf, summary } = await import("/page/answers/cards.js");
      const candidate = { rank: 1, entity_id: "red-disc", title: "red disc", text: "", score: 0.8, url: null,
                          image: null, attribution: null };
      const region = { number: 1, name: "Region 1", colour: "#123456", only: [],
                       result: { confidence, candidates: [candidate] },
                       answer: { timings_ms: { decode: 1, wait: 0, encode: 1, search: 1, total: 3 } } };
      const node = resultOf(region, {});
      return [node.querySelector(".verdict")?.textContent ?? null, summary(region)];
    }"""
    assert board.page.evaluate(script, confidence) == [verdict, said]


def test_a_photograph_that_lies_on_its_side_is_drawn_on_upright(board: Board) -> None:
    """Its pixels are 240 wide and 320 high; the EXIF orientation turns them."""
    lying = Image.open(io.BytesIO(encoded(Image.new("RGB", (HEIGHT, WIDTH), (120, 130, 140)), "PNG")))
    exif = Image.Exif()
    exif[0x0112] = 6
    board.open(encoded(lying, "JPEG", exif=exif), "lying.jpg", "image/jpeg")
    expect(board.page.locator("#file-name")).to_contain_text(f"{WIDTH} \N{MULTIPLICATION SIGN} {HEIGHT}")
    board.tool("Box")
    board.drag((200, 20), (300, 60))
    board.ask()
    (mask,) = board.masks()
    assert mask.shape == (HEIGHT, WIDTH)


def test_a_picture_that_is_refused_is_refused_in_plain_words(board: Board) -> None:
    problem = board.page.get_by_role("alert")
    board.open(encoded(noise(700), "PNG"), "large.png")  # more bytes than this service takes
    board.button("What is this?").click()
    expect(problem).to_contain_text("larger than the service accepts: save it smaller.")
    expect(problem).to_contain_text("The picture may have at most 1 MB.")
    expect(problem.get_by_role("button", name="Try again")).to_have_count(0)  # the same would come of it
    board.open(encoded(Image.new("RGB", (2400, 2400)), "PNG"), "wide.png")  # more pixels
    expect(problem).to_be_empty()
    board.button("What is this?").click()
    expect(problem).to_contain_text("The picture is larger than the service accepts: save it smaller.")
    board.page.locator("input[type=file]").first.set_input_files(
        {"name": "note.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(problem).to_contain_text("“note.png” is not a picture")


def test_a_limit_is_said_in_megabytes(board: Board) -> None:
    script = """async (detail) => {
      const { inWords } = await import("/page/base/problems.js");
      return inWords({ code: "body-too-large", detail });
    }"""
    said = board.page.evaluate(script, "A request may have 33,554,432 bytes.")
    assert said.endswith("save it smaller, or as a JPEG. A request may have 32 MB.")
    assert "of 20 MB" in board.page.evaluate(script, "One of 20971520 bytes.")
    assert "of 20,000 bytes" in board.page.evaluate(script, "One of 20,000 bytes.")
    assert "of 9.5 MB" in board.page.evaluate(script, "One of 10,000,000 bytes.")


def test_a_busy_service_is_said_to_be_busy_and_asked_again(
    visit: Callable[..., Page], start: Callable[[Settings], Service], settings: Settings, shapes: bytes
) -> None:
    full = ready(start(settings.model_copy(update={"max_held_bytes": 101_000})))
    board = Board(visit(full.url))
    board.open(encoded(noise(100), "PNG"))
    with socket.create_connection(("127.0.0.1", full.port)) as other:
        other.sendall(HEAD.format(100_001).encode() + b"x" * 100_000)
        while "wikiclip_body_bytes 100000.0" not in httpx.get(f"{full.url}/metrics").text:
            pass
        with board.page.expect_response("**/link") as response:
            board.button("What is this?").click()
        assert response.value.status == 503
        problem = board.page.get_by_role("alert")
        expect(problem).to_contain_text("The service is busy. Try again in")
    while "wikiclip_body_bytes 0.0" not in httpx.get(f"{full.url}/metrics").text:
        pass
    board.button("Try again").click()
    expect(board.answer("Whole picture")).to_be_visible()
    expect(problem).to_be_empty()


def test_a_service_that_is_gone_is_said_to_be_gone(board: Board, context: BrowserContext) -> None:
    context.set_offline(True)
    board.button("What is this?").click()
    expect(board.page.get_by_role("alert")).to_contain_text("The service cannot be reached.")


def test_a_key_is_asked_for_kept_for_the_tab_and_sent_along(
    visit: Callable[..., Page],
    start: Callable[[Settings], Service],
    settings: Settings,
    shapes: bytes,
    tmp_path: Path,
) -> None:
    file = tmp_path / "keys"
    made = CliRunner().invoke(keys_app, ["add", "shop", "--file", str(file)])
    key = made.stdout.strip()
    locked = ready(start(settings.model_copy(update={"keys": file})))
    page = visit(locked.url)
    dialog = page.get_by_role("dialog", name="This service asks for a key")
    page.get_by_label("API key").fill("wk_wrong")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("The key was not accepted.")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use the key").click()
    expect(dialog).to_be_hidden()
    board = Board(page)
    board.open(shapes)
    board.ask()
    # An <img> sends no key: the pictures are fetched.
    expect(page.locator(".card img").first).to_have_js_property("naturalWidth", 96)
    stored = page.evaluate("[Object.keys(sessionStorage).sort(), Object.values(sessionStorage), localStorage.length]")
    assert stored == [["wikiclip-key", "wikiclip-tab"], stored[1], 0]
    assert key in stored[1]
    page.reload()
    page.wait_for_selector("body[data-ready]")
    board.open(shapes)
    board.ask()
    expect(dialog).to_be_hidden()


def test_a_key_that_is_not_given_is_a_problem_in_words(
    visit: Callable[..., Page], start: Callable[[Settings], Service], settings: Settings, shapes: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    CliRunner().invoke(keys_app, ["add", "shop", "--file", str(file)])
    page = visit(ready(start(settings.model_copy(update={"keys": file}))).url)
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alert")).to_contain_text("The service wants an API key.")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the command that the page copies needs curl")
def test_the_command_that_is_copied_gets_the_same_answer(
    board: Board, context: BrowserContext, shapes: bytes, tmp_path: Path
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    name = 'it\'s a "shape"; no.png'
    board.open(shapes, name)
    (tmp_path / name).write_bytes(shapes)
    board.tool("Lasso")
    board.drag((40, 60), (110, 50), (120, 120), (60, 130), (40, 60))
    board.ask()
    said = board.page.locator("#said")
    board.page.get_by_text("Details", exact=True).click()
    board.button("Copy JSON").click()
    expect(said).to_have_text("Copy JSON: done.")
    ours = json.loads(board.page.evaluate("navigator.clipboard.readText()"))
    board.button("Copy as curl").click()
    expect(said).to_have_text("Copy as curl: done.")
    command = board.page.evaluate("navigator.clipboard.readText()")
    told = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True).stdout
    theirs = json.loads(told)
    assert theirs["index_version"] == ours["index_version"]
    titles = [[one["title"] for one in answer["results"][0]["candidates"]] for answer in (ours, theirs)]
    assert titles[0] == titles[1]
