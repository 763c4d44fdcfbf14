"""Long names, and names that several things have: nothing is wider than the screen, on two kinds of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from indexer.build import build
from indexer.kb import KnowledgeBaseName
from service.settings import Settings
from tests.service.conftest import Service, ready
from tests.service.page.conftest import DISC, Board
from tests.service.page.test_accessible import violations

UNBROKEN, WORDS = "W" * 200, ("a name of many words " * 10)[:200].strip()
TAGS = ["t" * 128, ("tag of words " * 10)[:128].strip()]
SECRET = "<img src=x onerror=alert(1)>"
EXTRA: dict[str, Any] = {
    "material": "wood & iron",
    "year": 1784,
    "restored": True,
    "owners": ["Anna", "Bert", 3],
    "page": "https://example.org/things?id=1&of=2",
    "pages": ["https://example.org/a", "no link"],
    "markup": SECRET,
    "script": "javascript:alert(1)",
    "long": "x" * 400,
    "many": list(range(21)),
    "nested": {"left": "out"},
    "lists": [[1], [2]],
    "nothing": None,
    "blank": " ",
    "k" * 200: UNBROKEN,
}
LONG_ID = "i" * 200


@pytest.fixture
def context(screened: BrowserContext) -> BrowserContext:
    return screened


@pytest.fixture(scope="module")
def named(
    start_for_module: Callable[[Settings], Service], settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Service:
    """A service that keeps feedback, over five windmills, two of which are named at length."""
    folder = tmp_path_factory.mktemp("named")
    lines: list[dict[str, Any]] = [
        {
            "entity_id": LONG_ID,
            "title": UNBROKEN,
            "text": "y" * 400,
            "url": f"https://example.org/{'u' * 300}",
            "attribution": "z" * 300,
            "aliases": [UNBROKEN],
            "tags": TAGS,
            "extra": EXTRA,
        },
        {"entity_id": "words", "title": WORDS, "text": WORDS, "extra": {f"key {n}": n for n in range(40)}},
        {"entity_id": "M1", "title": "Windmill", "text": "It grinds corn.", "tags": TAGS[:1]},
        {"entity_id": "M2", "title": "Windmill", "text": "It pumps water."},
        {"entity_id": "M3", "title": "WINDMILL", "text": "It saws wood."},
    ]
    records = folder / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    home = folder / "index"
    build(kb=KnowledgeBaseName.JSONL, records=records, images=folder, model=settings.model, out=home)
    return ready(start_for_module(settings.model_copy(update={"index": home, "feedback": folder / "feedback"})))


@pytest.fixture
def board(visit: Callable[..., Page], named: Service, shapes: bytes) -> Board:
    board = Board(visit(named.url))
    board.open(shapes, f"{'f' * 200}.png")
    return board


def fits(page: Page) -> None:
    """Nothing is wider than the screen; what is, is told."""
    wide = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 0.5)
          .map((node) => `${node.tagName}.${node.className}`).slice(0, 5)"""
    )
    width, room = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert width <= room, wide


@pytest.mark.parametrize("title", [UNBROKEN, WORDS])
@pytest.mark.parametrize("confidence", [0.9, 0.1, None])
def test_what_is_found_wraps(board: Board, title: str, confidence: float | None) -> None:
    page = board.page

    def named_at_length(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        for result in told["results"]:
            result["confidence"] = confidence
            result["candidates"][0]["title"] = title
        route.fulfill(response=answer, json=told)

    page.route("**/link", named_at_length)
    board.button("Find everything").click()
    proposals = page.locator("#proposals button")
    expect(proposals).to_have_count(2)
    expect(proposals.first).to_contain_text(title)
    expect(proposals.first).to_have_text(re.compile(f"^({title}|[A-Z])"))
    if confidence == 0.1:
        expect(proposals.first).to_have_text(re.compile("^Not known. Nearest is "))
    fits(page)
    proposals.first.click()
    expect(page.locator(".answer")).to_have_count(1)
    for summary in page.locator(".results summary").all():
        summary.click()
    fits(page)
    assert violations(page) == []


def test_answers_tags_and_choices_wrap(board: Board) -> None:
    page = board.page
    fits(page)
    tags = page.locator("#tags button.tag[aria-pressed]")
    expect(tags).to_have_count(2)
    board.mark(DISC)
    board.ask()
    answer = page.locator(".answer")
    expect(answer.locator(".card")).to_have_count(5)
    for summary in page.locator(".results summary").all():
        summary.click()
    fits(page)
    card = page.locator(f".card[data-entity={LONG_ID}]")
    card.get_by_role("button", name="Why this answer?").click()
    expect(card.locator(".why")).to_be_visible()
    fits(page)
    answer.get_by_role("button", name="It is something else").click()
    answer.get_by_role("searchbox").fill("W" * 128)
    expect(answer.locator(".choices li")).to_have_count(1)
    fits(page)
    answer.get_by_role("searchbox").fill("q" * 200)
    expect(answer.locator(".choices")).to_contain_text("No entry holds")
    fits(page)
    for tag in tags.all():
        tag.click()
    with page.expect_response("**/link"):
        board.button("What is this?").click()
    expect(answer.locator(".only button")).to_have_count(2)
    fits(page)
    assert violations(page) == []
    answer.get_by_role("button", name=f"This is right: {UNBROKEN}").click()
    expect(answer.locator(".telling")).to_contain_text("Thank you.")
    fits(page)
    page.locator("input[type=file]").first.set_input_files(
        {"name": f"{'n' * 200}.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(page.get_by_role("alert").first).to_contain_text("is not a picture")
    fits(page)


def test_the_knowledge_base_wraps(visit: Callable[..., Page], named: Service) -> None:
    page = visit(named.url)
    expect(page.locator("#holds-list li")).to_have_count(5)
    fits(page)
    page.get_by_role("link", name="Knowledge base", exact=True).click()
    expect(page.locator(".entries li")).to_have_count(5)
    fits(page)
    for tag in page.locator("#entries-tags button.tag[aria-pressed]").all():
        tag.click()
    expect(page.locator(".entries li")).to_have_count(2)
    fits(page)
    page.get_by_label("Words in the title").fill("q" * 200)
    expect(page.locator("#entries-count")).to_contain_text("No entry holds")
    fits(page)
    page.goto(f"{named.url}/#entities/{LONG_ID}")
    expect(page.get_by_role("article").locator("h2")).to_have_text(UNBROKEN)
    fits(page)
    assert violations(page) == []


def test_entries_of_one_title_are_told_apart_by_their_ids(board: Board) -> None:
    page = board.page
    board.mark(DISC)
    board.ask()
    answer = page.locator(".answer")
    for entity in ("M1", "M2", "M3"):
        expect(answer.locator(f".card[data-entity={entity}] .id")).to_have_text(entity)
        expect(answer.locator(f".card[data-entity={entity}] .id")).to_be_visible()
    expect(answer.get_by_role("button", name="This is right: WINDMILL (M3)", exact=True)).to_be_visible()
    card = answer.locator(".card[data-entity=words]")
    expect(card.locator(".id")).to_be_hidden()
    card.get_by_text("Source and similarity").click()
    expect(card.locator("code")).to_have_text("words")
    expect(card.locator("code")).to_be_visible()
    answer.get_by_role("button", name="It is something else").click()
    answer.get_by_role("searchbox").fill("windmill")
    choices = answer.locator(".choices .id")
    expect(choices).to_have_count(3)
    assert sorted(choices.all_inner_texts()) == ["M1", "M2", "M3"]
    answer.get_by_role("searchbox").fill("grinds")
    expect(choices).to_have_count(1)
    expect(choices).to_be_hidden()
    page.get_by_role("link", name="Knowledge base", exact=True).click()
    entries, ids = page.locator(".entries li"), page.locator(".entries .id:visible")
    expect(entries).to_have_count(5)
    assert sorted(ids.all_inner_texts()) == ["M1", "M2", "M3"]
    page.get_by_label("Words in the title").fill("saws")
    expect(entries).to_have_count(1)
    expect(ids).to_have_count(0)
    page.goto(f"{page.url.partition('#')[0]}#entities/M1")
    expect(page.get_by_role("article").locator("code")).to_have_text("M1")
    expect(ids).to_have_count(2)
    assert sorted(ids.all_inner_texts()) == ["M2", "M3"]
    assert violations(page) == []


def test_a_title_that_comes_again_further_on_is_told_apart_from_then_on(
    visit: Callable[..., Page], named: Service
) -> None:
    page = visit(named.url)
    page.route("**/entities?*limit=30*", lambda route: route.continue_(url=route.request.url.replace("=30", "=1")))
    page.get_by_role("link", name="Knowledge base", exact=True).click()
    entries, more = page.locator(".entries li"), page.locator("#entries button")
    seen = []
    for count in range(1, 6):
        expect(entries).to_have_count(count)
        seen.append(page.locator(".entries .id:visible").count())
        if count < 5:
            more.click()
    assert seen[0] == 0
    assert seen[-1] == 3
    assert 1 not in seen


def test_a_record_shows_what_else_it_holds(visit: Callable[..., Page], named: Service) -> None:
    page = visit(named.url, path=f"/#entities/{LONG_ID}")
    table = page.locator(".record dl.extra")
    expect(table.locator("dd")).to_have_count(10)
    rows = dict(
        zip(table.locator("dt").all_inner_texts(), [one.inner_text() for one in table.locator("dd").all()], strict=True)
    )
    assert rows == {
        "material": "wood & iron",
        "year": "1784",
        "restored": "yes",
        "owners": "Anna, Bert, 3",
        "page": EXTRA["page"],
        "pages": "https://example.org/a, no link",
        "markup": SECRET,
        "script": "javascript:alert(1)",
        "long": f"{'x' * 300}…",
        f"{'k' * 100}…": UNBROKEN,
    }
    links = table.locator("a")
    assert links.evaluate_all("nodes => nodes.map((node) => [node.href, node.rel, node.target])") == [
        [href, "noopener noreferrer", "_blank"] for href in (EXTRA["page"], "https://example.org/a")
    ]
    expect(table.locator("img")).to_have_count(0)
    fits(page)
    assert violations(page) == []
    page.goto(f"{named.url}/#entities/words")
    expect(table.locator("dt")).to_have_count(30)
    page.goto(f"{named.url}/#entities/M1")
    expect(page.get_by_role("article").locator("h2")).to_have_text("Windmill")
    expect(table).to_have_count(0)
