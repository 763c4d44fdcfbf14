"""Everything that stands out is found and named at once, on a desktop's screen and on a phone's."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.service.page.conftest import BLOCK, DISC, HEIGHT, WIDTH, Board, middle
from tests.service.page.test_accessible import violations

# What is written on canvases, which no reader of the document sees.
WRITTEN = """() => {
  window.written = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
    window.written.push(text);
    return write.call(this, text, ...rest);
  };
}"""


@pytest.fixture
def context(screened: BrowserContext) -> BrowserContext:
    return screened


def find(board: Board, press: Callable[[Page], None] | None = None) -> list[dict[str, Any]]:
    """Finds everything; what the service answered."""
    with board.page.expect_response("**/link") as response:
        if press is None:
            board.button("Find everything").click()
        else:
            press(board.page)
    assert response.value.status == 200
    results: list[dict[str, Any]] = response.value.json()["results"]
    expect(board.page.locator("#proposals button")).to_have_count(len(results))
    return results


def test_what_is_found_has_its_name_in_the_list_and_on_the_picture(board: Board) -> None:
    page = board.page
    page.evaluate(WRITTEN)
    results = find(board)
    assert len(results) == 2
    first = [result["candidates"][0]["title"] for result in results]
    proposals = page.locator("#proposals button")
    for number, title in enumerate(first):
        expect(proposals.nth(number)).to_contain_text(title)
    expect(page.get_by_role("status").first).to_contain_text("2 found: ")
    for title in first:
        expect(page.get_by_role("status").first).to_contain_text(title)
    page.wait_for_function("window.written.length >= 2")
    said = page.evaluate("window.written.slice(0, 2)")  # a name, one with a question mark, or that it is not known
    assert all(text in (title, f"{title}?", "not known") for text, title in zip(said, first, strict=True)), said
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    assert violations(page) == []


def test_what_is_taken_is_answered_already(board: Board) -> None:
    page = board.page
    find(board)
    asked = page.evaluate("window.asked.length")
    board.click(middle(DISC))
    answer = page.locator(".answer")
    expect(answer).to_have_count(1)
    page.locator("#proposals button").last.press("Enter")
    expect(answer).to_have_count(2)
    assert len(board.regions()) == 2
    assert page.evaluate("window.asked.length") == asked
    answer.last.get_by_text("Details", exact=True).click()
    expect(answer.last.locator(".timings")).to_contain_text("finding things")
    assert violations(page) == []
    # A mask that was changed by hand is another question.
    board.tool("Brush")
    board.drag((5, 5), (20, 5))
    expect(answer).to_have_count(1)
    board.ask()
    expect(answer).to_have_count(2)


def test_an_answer_holds_for_the_region_alone_that_was_linked(board: Board, screen: str) -> None:
    if screen == "phone":
        pytest.skip("there is no Shift on a phone")
    page = board.page
    find(board, lambda page: (board.stage.focus(), page.keyboard.press("a"))[0])
    board.click(middle(DISC))
    expect(page.locator(".answer")).to_have_count(1)
    page.keyboard.down("Shift")
    board.click(middle(BLOCK))
    page.keyboard.up("Shift")
    expect(page.locator(".answer")).to_have_count(0)
    assert len(board.regions()) == 1


def test_where_nothing_stands_out_it_is_said(board: Board) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (120, 120, 120)).save(stream, "PNG")
    board.open(stream.getvalue(), "grey.png")
    assert find(board) == []
    expect(board.page.get_by_role("status").first).to_have_text("Nothing was found in the picture.")
    expect(board.page.locator("#proposed")).to_be_hidden()
