"""The knowledge base: titles, a record, its pictures, its neighbours, and addresses that can be kept."""

import os
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service.conftest import ODD_ID, Service
from tests.service.page.conftest import chromium
from tests.service.page.test_accessible import violations


def test_the_page_says_whose_entries_answer(visit: Callable[..., Page], client: httpx.Client) -> None:
    assert client.get("/readyz").json()["knowledge_base"] == "jsonl"
    said = (
        "Answers come from this service\N{RIGHT SINGLE QUOTATION MARK}s own records:"
        " 11 entries, 9 of them with a picture."
    )
    page = visit()
    expect(page.locator("#knowledge")).to_have_text(said)
    expect(page.locator("#scenes")).to_be_hidden()
    shown = page.locator("#holds-list a")
    expect(shown).to_have_text(["blue block", "blue disc", "green block", "green disc", "orange block", "orange disc"])
    expect(shown.nth(1).locator("img")).to_have_js_property("naturalWidth", 96)
    expect(shown.first.locator(".thumb")).to_have_count(0)  # its file is no picture
    shown.nth(1).click()
    expect(page.get_by_role("article").get_by_role("heading", name="blue disc")).to_be_visible()


@pytest.mark.parametrize(
    ("entities", "pictured", "said"),
    [
        (6522, 409, "6,522 entries, 409 of them with a picture"),
        (12, 12, "12 entries, all of them with a picture"),
        (12, 0, "12 entries, none of them with a picture"),
        (1, 1, "1 entry, with a picture"),
    ],
)
def test_what_it_holds_in_numbers(visit: Callable[..., Page], entities: int, pictured: int, said: str) -> None:
    script = """async (told) => {
      const { inNumbers } = await import("/page/knowledge/holdings.js");
      return inNumbers(told);
    }"""
    assert visit().evaluate(script, {"entities": entities, "pictured": pictured}) == said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_on_what_has_a_picture_and_goes_on_to_the_rest(visit: Callable[..., Page], scheme: str) -> None:
    page = visit(path="/#entities")
    page.emulate_media(color_scheme=scheme)
    entries, count = page.locator(".entries li"), page.locator("#entries-count")
    expect(count).to_have_text("11 entries, 9 of them with a picture, which come first.")
    expect(entries).to_have_count(9)
    assert violations(page) == []
    page.get_by_role("button", name="Show those without a picture").press("Enter")
    expect(entries).to_have_count(11)
    expect(page.locator(".entries .title").nth(9)).to_have_text("idea")
    expect(entries.nth(9).get_by_role("link")).to_be_focused()
    expect(entries.nth(9).locator(".thumb")).to_have_count(0)
    expect(page.locator("#entries button")).to_be_hidden()


def test_more_are_shown_page_by_page(visit: Callable[..., Page]) -> None:
    """With pages of four, as if the knowledge base had eight times as many."""
    page = visit()
    page.route("**/entities?*limit=30*", lambda route: route.continue_(url=route.request.url.replace("=30", "=4")))
    page.get_by_role("link", name="Knowledge base", exact=True).click()
    entries, more = page.locator(".entries li"), page.locator("#entries button")
    for shown, label in ((4, "More"), (8, "More"), (9, "Show those without a picture")):
        expect(entries).to_have_count(shown)
        expect(more).to_have_text(label)
        more.click()
    expect(entries).to_have_count(11)
    titles = page.locator(".entries .title").all_inner_texts()
    assert titles[:9] == sorted(titles[:9])
    page.get_by_label("Words in the title").fill("red")
    expect(entries).to_have_count(2)
    expect(page.locator("#entries-count")).to_have_text("2 entries hold “red”.")
    expect(more).to_be_hidden()


def test_entries_are_found_by_words_which_are_shown(visit: Callable[..., Page]) -> None:
    page = visit()
    page.get_by_role("link", name="Knowledge base", exact=True).click()
    page.get_by_label("Words in the title").fill("red")
    entries = page.locator(".entries li")
    expect(entries).to_have_count(2)
    expect(page.locator(".entries .title")).to_have_text(["red disc", "red block"])
    assert page.url.endswith("/#entities?q=red")
    expect(page.locator(".entries mark")).to_have_text(["red", "red"])
    assert violations(page) == []
    page.get_by_label("Words in the title").fill("CONTENT cogn")
    expect(page.locator(".entries .text mark").first).to_have_text("content")
    page.get_by_label("Words in the title").fill("thou")
    expect(page.locator(".entries .quiet")).to_have_text("Also called thought")
    expect(page.locator(".entries .title")).to_have_text(["idea"])
    page.get_by_label("Words in the title").fill("zebra")
    expect(page.locator("#entries-count")).to_have_text("No entry holds “zebra”.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_record_shows_its_pictures_and_neighbours(visit: Callable[..., Page], scheme: str) -> None:
    page = visit(path="/#entities/red-disc")
    page.emulate_media(color_scheme=scheme)
    record = page.get_by_role("article")
    expect(record.get_by_role("heading", name="red disc")).to_be_focused()
    expect(record.locator(".pictures img")).to_have_js_property("naturalWidth", 96)
    expect(record).to_contain_text("A disc that is red.")
    expect(record.locator(".entries li")).to_have_count(8)
    expect(record.locator(".entries .title", has_text="red disc")).to_have_count(0)
    assert violations(page) == []
    record.locator(".entries a").first.click()
    expect(record.get_by_role("heading", name="red disc")).to_have_count(0)
    page.go_back()
    expect(record.get_by_role("heading", name="red disc")).to_be_visible()


def test_a_record_shows_its_other_names_and_hides_the_rest_of_a_long_text(visit: Callable[..., Page]) -> None:
    page = visit(path="/#entities/no-picture")
    record = page.get_by_role("article")
    expect(record).to_contain_text("Also called thought")
    expect(record).to_contain_text("Tags: mind")
    assert len(record.locator("p.text").first.inner_text()) < 2100
    whole = record.locator("details p.text")
    expect(whole).to_be_hidden()
    record.get_by_text("The whole text").click()
    expect(whole).to_be_visible()
    expect(whole).to_have_attribute("lang", "en")
    assert violations(page) == []


def test_an_id_of_any_characters_has_an_address(visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("(id) => { location.hash = `#entities/${encodeURIComponent(id)}`; }", ODD_ID)
    record = page.get_by_role("article")
    expect(record.get_by_role("heading", name="two pictures")).to_be_visible()
    expect(record.locator(".pictures img")).to_have_count(2)


def test_an_entry_that_is_gone_is_said_to_be_gone(visit: Callable[..., Page]) -> None:
    page = visit(path="/#entities/none")
    expect(page.get_by_role("alert")).to_contain_text("The knowledge base has no such entry any more.")


def test_a_list_that_grows_beyond_the_window_moves_nothing_aside(browser: Browser, service: Service) -> None:
    """But for these tests a browser has a scroll bar that takes room."""
    no_sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    other = browser.browser_type.launch(
        executable_path=chromium(), args=no_sandbox, ignore_default_args=["--hide-scrollbars"]
    )
    page = other.new_page(viewport={"width": 1280, "height": 480})
    places = []
    for words, count in (("", 9), ("qqq", 0)):
        page.goto(f"{service.url}/#entities?q={words}")
        expect(page.locator(".entries li")).to_have_count(count)
        room, width = page.evaluate("[innerHeight - document.documentElement.scrollHeight, innerWidth]")
        assert (width, room < 0) == (1280, count > 0)
        places.append(page.get_by_role("link", name="Developers").bounding_box())
    other.close()
    assert places[0] == places[1]
