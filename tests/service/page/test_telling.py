"""Saying on the page what a region shows: kept as a label where the service keeps any, on two kinds of screen."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect
from pycocotools import mask as coco_mask

from service.feedback import LABELS
from tests.service.conftest import Service
from tests.service.page.conftest import DISC, Board
from tests.service.page.test_accessible import violations

NOTHING, KEPT = "which keeps nothing.", "which keeps it if you tell what it shows, and nothing else."


@pytest.fixture
def context(screened: BrowserContext) -> BrowserContext:
    return screened


@pytest.fixture
def board(visit: Callable[..., Page], collection: Service, shapes: bytes) -> Board:
    page = visit(collection.url)
    expect(page.locator(".drop")).to_contain_text(KEPT)
    board = Board(page)
    board.open(shapes)
    return board


@pytest.fixture
def labels(collection: Service) -> Callable[[], list[dict[str, Any]]]:
    """The labels that came since the test began."""
    folder: Path = collection.app.state.feedback.folder._folder
    file = folder / LABELS

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    before = len(read())
    return lambda: read()[before:]


def answering(body: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(body=body)


def telling(page: Page) -> Locator:
    return page.locator(".answer .telling")


def test_a_candidate_is_right(
    board: Board, labels: Callable[[], list[dict[str, Any]]], collection: Service, shapes: bytes
) -> None:
    page = board.page
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    with page.expect_response("**/link") as response:
        board.button("What is this?").click()
    first, second = response.value.json()["results"][0]["candidates"][:2]
    expect(telling(page)).to_contain_text("What you tell is kept by the service with the picture, to learn from.")
    assert violations(page) == []
    page.get_by_role("button", name=f"This is right: {second['title']}", exact=True).click()
    thanks = telling(page)
    expect(thanks).to_have_text(
        f"Thank you. The service kept the picture and Region 1, and that it shows “{second['title']}”."
    )
    expect(thanks.locator("p")).to_be_focused()
    expect(page.locator("#said")).to_have_text(thanks.inner_text())
    expect(page.get_by_role("button", name="This is right")).to_have_count(0)
    assert violations(page) == []
    (label,) = labels()
    assert (label["entity_id"], label["answered"]) == (second["entity_id"], first["entity_id"])
    (mask,) = board.masks()
    np.testing.assert_array_equal(coco_mask.decode(label["region"]), mask)
    folder: Path = collection.app.state.feedback.folder._folder
    assert (folder / label["picture"]).read_bytes() == shapes


def test_it_is_something_else_which_is_looked_up(board: Board, labels: Callable[[], list[dict[str, Any]]]) -> None:
    page = board.page
    board.ask()
    answer = board.answer("Whole picture")
    other = answer.get_by_role("button", name="It is something else")
    other.click()
    expect(other).to_have_attribute("aria-expanded", "true")
    words = answer.get_by_label("What is it? Words of the right entry")
    expect(words).to_be_focused()
    choices = answer.locator(".choices button")
    words.fill("zebra")
    expect(answer.locator(".telling")).to_contain_text("No entry holds “zebra”.")
    words.fill("number 23")
    expect(choices).to_have_count(1)
    expect(choices.locator(".title")).to_have_text("thing 23")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    choices.press("Enter")
    thanks = answer.locator(".telling")
    expect(thanks).to_have_text("Thank you. The service kept the picture, and that it shows “thing 23”.")
    (label,) = labels()
    assert label["entity_id"] == "T23"
    assert "region" not in label, "of the whole picture"
    # Who told what it shows meant it: it stays when something is marked, and the thing in the middle does not.
    board.mark(DISC)
    expect(page.locator("#regions .choose")).to_have_text([re.compile("Whole picture"), re.compile("Region 1")])
    expect(thanks).to_contain_text("Thank you.")


def test_what_cannot_be_kept_is_a_problem_in_words_and_can_be_told_again(
    board: Board, labels: Callable[[], list[dict[str, Any]]], collection: Service
) -> None:
    page = board.page
    board.mark(DISC)
    board.ask()
    right = page.get_by_role("button", name="This is right").first
    folder = collection.app.state.feedback.folder
    most, folder._most = folder._most, 10
    try:
        right.click()
        problem = telling(page).get_by_role("alert")
        expect(problem).to_have_text("The service has no room left to keep it.")
        expect(right).to_be_enabled()
        assert violations(page) == []
    finally:
        folder._most = most
    for body, said in (("<p>a proxy's page", "The service's answer cannot be read."), ('{"lab', "cannot be read")):
        page.route("**/feedback", answering(body), times=1)
        right.click()
        expect(problem).to_contain_text(said)
    page.route("**/feedback", lambda route: route.abort(), times=1)
    right.click()
    expect(problem).to_have_text("The service cannot be reached. Is it running?")
    assert labels() == []
    right.click()
    expect(telling(page)).to_contain_text("Thank you.")
    expect(problem).to_have_count(0)
    assert len(labels()) == 1


def test_where_no_feedback_is_kept_nothing_is_seen_of_it(
    visit: Callable[..., Page], client: httpx.Client, shapes: bytes
) -> None:
    assert client.get("/readyz").json()["feedback"] is False
    page = visit()
    expect(page.locator(".drop")).to_contain_text(NOTHING)
    board = Board(page)
    board.open(shapes)
    board.ask()
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator(".telling")).to_have_count(0)
    expect(page.get_by_role("button", name="This is right")).to_have_count(0)
