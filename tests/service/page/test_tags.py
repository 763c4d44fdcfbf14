"""Tags on the page leave other entries out, of answers and of the knowledge base's list, on two kinds of screen."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.service.conftest import Service
from tests.service.page.collection import KINDS, ODD_TAG, THINGS
from tests.service.page.conftest import Board
from tests.service.page.test_accessible import violations

ASKED, LISTED = "#tags", "#entries-tags"


@pytest.fixture
def context(screened: BrowserContext) -> BrowserContext:
    return screened


@pytest.fixture
def board(visit: Callable[..., Page], collection: Service, shapes: bytes) -> Board:
    board = Board(visit(collection.url))
    board.open(shapes)
    return board


def chip(page: Page, tag: str, place: str = ASKED) -> Locator:
    return page.locator(f"{place} button.tag", has=page.get_by_text(tag, exact=True))


def titles(page: Page) -> set[str]:
    return set(page.locator(".answer .card h4").all_text_contents())


def fits(page: Page) -> bool:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width <= page.viewport_size["width"]  # type: ignore[index]


def test_the_next_answer_is_of_entries_that_have_a_tag(board: Board) -> None:
    page = board.page
    shown = page.locator(f"{ASKED} button.tag[aria-pressed]")
    expect(shown).to_have_count(8)
    expect(shown.first).to_have_text(f"thing{THINGS}")
    chip(page, "kind 03").click()
    chip(page, "kind 05").press("Enter")
    expect(page.locator(f"{ASKED} [aria-pressed=true]")).to_have_text(["kind 033", "kind 053"])
    board.mark((40, 50, 120, 130))
    board.ask()
    assert json.loads(page.evaluate("window.asked.at(-1).tags")) == {"any": ["kind 03", "kind 05"]}
    kinds = {f"thing {number}" for number in range(THINGS) if number % KINDS in (3, 5)}
    assert len(titles(page)) == 5
    assert titles(page) < kinds
    only = page.locator(".answer .only")
    expect(only).to_contain_text("Only:")
    asked = only.locator("button span:first-child")
    expect(asked).to_have_text(["kind 03", "kind 05"])
    assert violations(page) == []
    assert fits(page)
    # Taken away where the answer stands, it is asked anew.
    only.get_by_role("button", name="Not only kind 03").click()
    expect(asked).to_have_text(["kind 05"])
    assert titles(page) == {"thing 5", "thing 17", "thing 29"}
    expect(chip(page, "kind 03")).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".answer h3")).to_be_focused()
    only.get_by_role("button").click()
    expect(only).to_have_count(0)
    assert "tags" not in page.evaluate("window.asked.at(-1)")


def test_who_chooses_another_tag_is_answered_anew_and_who_does_not_is_not(board: Board) -> None:
    page = board.page
    board.tool("Box")
    board.drag((40, 50), (120, 130))
    board.ask()
    assert len(titles(page)) == 5
    chip(page, "kind 00").click()
    assert len(titles(page)) == 5, "the answer that stands there is of all"
    with page.expect_response("**/link"):
        board.button("What is this?").click()
    expect(page.locator(".answer .only button span:first-child")).to_have_text(["kind 00"])
    board.button("New region").click()
    board.drag((190, 90), (290, 190))
    board.ask()
    assert len(board.masks()) == 1


def test_what_is_found_and_what_is_copied_have_the_tags_too(board: Board, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = board.page
    chip(page, "kind 02").click()
    with page.expect_response("**/link") as response:
        board.button("Find everything").click()
    found = {one["title"] for result in response.value.json()["results"] for one in result["candidates"]}
    assert found == {"thing 2", "thing 14", "thing 26"}
    page.locator("#proposals button").first.click()
    answer = page.locator(".answer")
    expect(answer.locator(".only button span:first-child")).to_have_text(["kind 02"])
    answer.get_by_text("Details", exact=True).click()
    board.button("Copy as curl").click()
    expect(page.locator("#said")).to_have_text("Copy as curl: done.")
    assert """--form-string 'tags={"any":["kind 02"]}'""" in page.evaluate("navigator.clipboard.readText()")


def test_more_tags_are_shown_and_any_can_be_written(board: Board) -> None:
    page = board.page
    shown = page.locator(f"{ASKED} button.tag[aria-pressed]")
    expect(page.locator(ASKED).get_by_label("Another tag")).to_be_hidden()
    page.locator(ASKED).get_by_role("button", name="More …").click()
    expect(shown).to_have_count(24)
    expect(shown.nth(8)).to_be_focused()
    page.locator(ASKED).get_by_label("Another tag").fill("Kind 02")
    page.locator(ASKED).get_by_role("button", name="Add").click()
    expect(page.locator(ASKED)).to_contain_text("No entry has the tag “Kind 02”.")
    page.locator(ASKED).get_by_label("Another tag").fill(f" {ODD_TAG} ")
    page.keyboard.press("Enter")
    expect(chip(page, ODD_TAG)).to_have_attribute("aria-pressed", "true")
    expect(chip(page, ODD_TAG)).to_be_focused()
    assert violations(page) == []
    assert fits(page)
    board.ask()
    assert titles(page) == {"thing 7"}
    for _ in range(2):
        page.locator(ASKED).get_by_role("button", name="More …").click()
    expect(shown).to_have_count(1 + KINDS + THINGS)
    expect(page.locator(ASKED).get_by_role("button", name="More …")).to_be_hidden()
    expect(page.locator(ASKED).get_by_label("Another tag")).to_be_hidden()


def test_the_list_of_the_knowledge_base_has_an_address_with_its_tags(
    visit: Callable[..., Page], collection: Service
) -> None:
    page = visit(collection.url, path="/#entities")
    entries, count = page.locator(".entries li"), page.locator("#entries-count")
    expect(count).to_have_text(f"{THINGS} entries, none of them with a picture.")
    chip(page, "kind 04", LISTED).click()
    expect(entries).to_have_count(3)
    expect(count).to_have_text("3 entries, none of them with a picture. Only: kind 04.")
    assert page.url.endswith("/#entities?q=&tag=kind%2004")
    chip(page, "kind 05", LISTED).click()
    expect(entries).to_have_count(6)
    page.get_by_label("Words in the title").fill("16")
    expect(page.locator(".entries .title")).to_have_text(["thing 16"])
    expect(count).to_have_text("1 entry holds “16”. Only: kind 04, kind 05.")
    assert violations(page) == []
    assert fits(page)
    entries.get_by_role("link").click()
    record = page.get_by_role("article")
    expect(record).to_contain_text("Tags: thing")
    expect(page.locator(LISTED)).to_be_hidden()
    assert violations(page) == []
    record.get_by_role("link", name="kind 04").click()
    expect(entries).to_have_count(3)
    expect(page.get_by_label("Words in the title")).to_have_value("")
    expect(chip(page, "kind 04", LISTED)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(f"{LISTED} [aria-pressed=true]")).to_have_count(1)
    page.go_back()
    expect(record.get_by_role("heading", name="thing 16")).to_be_visible()


@pytest.mark.parametrize(
    ("tag", "said"), [(ODD_TAG, f"1 entry, none of them with a picture. Only: {ODD_TAG}."), ("x", "No entry. Only: x.")]
)
def test_an_address_is_opened_with_a_tag_that_is_not_among_the_first(
    visit: Callable[..., Page], collection: Service, tag: str, said: str
) -> None:
    page = visit(collection.url, path=f"/#entities?q=&tag={quote(tag)}")
    expect(page.locator("#entries-count")).to_have_text(said)
    chip(page, tag, LISTED).click()
    expect(page.locator(".entries li")).to_have_count(30)


def test_without_tags_nothing_is_seen_of_them(visit: Callable[..., Page], shapes: bytes) -> None:
    def bare(route: Route) -> None:
        route.fulfill(json={"tags": [], "count": 0, "next": None})

    page = visit()
    page.route("**/tags?*", bare)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    Board(page).open(shapes)
    page.wait_for_load_state("networkidle")
    expect(page.locator(ASKED)).to_be_hidden()
    page.goto(f"{page.url.partition('#')[0]}#entities")
    expect(page.locator(".entries li")).to_have_count(9)
    expect(page.locator(LISTED)).to_be_hidden()


def test_tags_that_cannot_be_had_are_a_problem_in_words_of_the_list_alone(
    visit: Callable[..., Page], shapes: bytes
) -> None:
    page = visit()
    page.route("**/tags?*", lambda route: route.fulfill(body="<p>a proxy's page"))
    page.reload()
    page.wait_for_selector("body[data-ready]")
    board = Board(page)
    board.open(shapes)
    board.ask()
    page.get_by_role("link", name="Knowledge base", exact=True).click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("The service's answer cannot be read.")
    page.unroute("**/tags?*")
    problem.get_by_role("button", name="Try again").click()
    expect(page.locator(".entries li")).to_have_count(9)
    expect(chip(page, "mind", LISTED)).to_be_visible()
