"""axe finds nothing to object to; and what it cannot see: sizes, the order of the focus, and what is said aloud."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.service.page.conftest import BLOCK, DISC, Board


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(visit: Callable[..., Page], shapes: bytes, scheme: str) -> None:
    page = visit()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert violations(page) == [], "empty"
    board = Board(page)
    board.open(shapes)
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    board.button("New region").click()
    board.drag(BLOCK[:2], BLOCK[2:])
    board.ask()
    page.get_by_text("Box by numbers").click()
    for summary in page.locator(".results summary").all():
        summary.click()
    assert violations(page) == [], "with answers"
    board.stage.focus()
    page.keyboard.press("?")
    assert violations(page) == [], "with a dialog"


def test_the_focus_goes_from_the_picture_to_the_question_and_on_to_the_answer(board: Board) -> None:
    page = board.page
    board.stage.focus()
    visited = []
    for _ in range(20):
        page.keyboard.press("Tab")
        visited.append(page.evaluate("document.activeElement.textContent.trim()"))
        if visited[-1] == "What is this?":
            break
    assert visited.index("New region") < visited.index("Find things") < visited.index("What is this?")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_count(2)
    for name in ("Thing in the middle: ", "Whole picture: "):
        expect(page.get_by_role("status").first).to_contain_text(name)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.answer h3, .answer a, .answer button') !== null")
