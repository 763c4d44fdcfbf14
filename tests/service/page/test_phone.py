"""A screen 390 pixels wide that is touched."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from tests.service.page.conftest import DISC, Board, Point, middle
from tests.service.page.test_accessible import violations


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=3
    )
    yield context
    context.close()


class Fingers:
    """Touches, as the browser gets them from a screen."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._session: CDPSession = board.page.context.new_cdp_session(board.page)

    def move(self, *paths: list[Point]) -> None:
        """Each finger goes along its path of points of the picture; all paths are of one length."""
        steps = [[self._board.at(point) for point in step] for step in zip(*paths, strict=True)]
        for number, step in enumerate(steps):
            self._tell("touchMove" if number else "touchStart", step)
        self._tell("touchEnd", [])

    def _tell(self, kind: str, points: list[Point]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def test_a_finger_draws_and_the_answer_is_seen(board: Board) -> None:
    page: Page = board.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    board.tool("Lasso")
    left, top, right, bottom = DISC
    Fingers(board).move([(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 5)])
    board.ask()
    rows, columns = np.nonzero(board.masks()[0])
    assert abs(rows.mean() - middle(DISC)[1]) < 4
    assert abs(columns.mean() - middle(DISC)[0]) < 4
    expect(page.locator(".answer").first).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_went_wrong_is_seen_wherever_the_page_is_scrolled_to(board: Board, context: BrowserContext) -> None:
    page = board.page
    board.ask()
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    expect(board.stage).not_to_be_in_viewport()
    context.set_offline(True)
    board.button("What is this?").click()
    said = page.get_by_text("The service cannot be reached.")
    expect(said).to_be_in_viewport(ratio=1)
    context.set_offline(False)
    with page.expect_response("**/link") as response:
        page.get_by_role("button", name="Try again").click()
    assert response.value.status == 200
    expect(said).to_have_count(0)


def test_the_question_is_beside_the_picture_wherever_the_page_is_scrolled_to(board: Board) -> None:
    ask, page = board.button("What is this?"), board.page
    expect(board.stage).to_be_in_viewport(ratio=1)
    expect(ask).to_be_in_viewport(ratio=1)
    board.ask()
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    expect(ask).to_be_in_viewport(ratio=1)
    last = page.get_by_text("Details", exact=True).last
    assert last.bounding_box()["y"] + last.bounding_box()["height"] <= ask.bounding_box()["y"]  # nothing stays below it


def test_a_photograph_can_be_taken_and_no_word_is_of_keys(visit: Callable[..., Page], shapes: bytes) -> None:
    page = visit()
    camera = page.locator("label", has_text="Take a photograph")
    expect(camera).to_be_visible()
    expect(camera.locator("input")).to_have_attribute("capture", "environment")
    expect(page.locator("main")).to_contain_text("Choose a picture")
    board, keys = Board(page), ("Shift", "Ctrl", "wheel", "[", "(", "Shortcuts", "Drop", "paste")
    for tool in (None, "Brush", "Lasso", "Box", "Move", "Point"):
        if tool:
            board.tool(tool)
        else:
            assert not [key for key in keys if key in page.locator("main").inner_text()]
            board.open(shapes)
        said = page.locator("main").inner_text() + " ".join(
            page.locator("main [title]").evaluate_all("nodes => nodes.map((node) => node.title)")
        )
        assert [key for key in keys if key in said] == [], tool


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_a_phone(visit: Callable[..., Page], shapes: bytes, scheme: str) -> None:
    page = visit()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert violations(page) == [], "empty"
    board = Board(page)
    board.open(shapes)
    board.ask()
    for summary in page.locator(".results summary").all():
        summary.click()
    assert violations(page) == [], "with an answer"
    page.goto(f"{page.url.partition('#')[0]}#entities")
    expect(page.locator(".entries li")).to_have_count(9)
    assert violations(page) == [], "the knowledge base"


def test_two_fingers_zoom_and_draw_nothing(board: Board) -> None:
    board.tool("Brush")
    zoom = board.page.locator("#zoom")
    before = zoom.inner_text()
    steps = range(6)
    Fingers(board).move(
        [(150 - 12 * step, 120) for step in steps],
        [(170 + 12 * step, 120) for step in steps],
    )
    expect(zoom).not_to_have_text(before)
    assert int(zoom.inner_text().strip("%")) > int(before.strip("%"))
    assert board.regions() == []
    expect(board.button("Undo")).to_be_disabled()


def test_what_is_touched_is_large_enough(visit: Callable[..., Page], shapes: bytes) -> None:
    """24 CSS pixels at least (WCAG 2.2, 2.5.8)."""
    board = Board(visit())
    board.open(shapes)
    board.tool("Box")
    board.ask()
    sizes = board.page.locator("button:visible, .tools label, .file:visible").evaluate_all(
        "nodes => nodes.map((node) => [node.textContent, node.getBoundingClientRect()]).map(([text, box]) =>"
        " [text, box.width, box.height])"
    )
    assert sizes
    assert [one for one in sizes if min(one[1:]) < 24] == []
