"""The knowledge base: titles, a record, its pictures, its neighbours, and addresses that can be kept."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.service.conftest import ODD_ID
from tests.service.page.test_accessible import violations


def test_the_page_says_whose_entries_answer(visit: Callable[..., Page], client: httpx.Client) -> None:
    told = client.get("/readyz").json()
    assert told["knowledge_base"] == "jsonl"
    said = f"Answers come from this service\N{RIGHT SINGLE QUOTATION MARK}s own records: {told['entities']} of them."
    expect(visit().locator("#knowledge")).to_have_text(said)


def test_entries_are_found_by_the_start_of_their_title(visit: Callable[..., Page]) -> None:
    page = visit()
    page.get_by_role("link", name="Knowledge base").click()
    page.get_by_label("Title begins with").fill("red")
    entries = page.locator(".entries li")
    expect(entries).to_have_count(2)
    expect(page.locator(".entries .title")).to_have_text(["red block", "red disc"])
    assert page.url.endswith("/#entities?title=red")
    page.get_by_label("Title begins with").fill("zebra")
    expect(page.locator("#entries")).to_contain_text("No entry begins with “zebra”.")


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
