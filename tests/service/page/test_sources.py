"""A picture that is dropped on the page, or pasted into it; and what is no picture."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.service.page.conftest import DISC, HEIGHT, WIDTH, Board

COPY = """async (content) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  await navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })]);
}"""


def drag(page: Page, *paths: Path, drop: bool = True) -> None:
    """Drags files over the middle of the page as a desktop does; `drop` lets go of them, else they are taken away."""
    session = page.context.new_cdp_session(page)
    over = {"x": 640, "y": 400, "data": {"items": [], "files": [*map(str, paths)], "dragOperationsMask": 1}}
    for kind in ("dragEnter", "dragOver"):
        session.send("Input.dispatchDragEvent", {"type": kind, **over})
    expect(page.locator("body.dropping")).to_have_count(1)
    if drop:
        session.send("Input.dispatchDragEvent", {"type": "drop", **over})
    else:
        page.locator("body").dispatch_event("dragleave")  # which this protocol does not tell the page
    session.detach()
    expect(page.locator("body.dropping")).to_have_count(0)


@pytest.fixture
def picture(tmp_path: Path, shapes: bytes) -> Path:
    path = tmp_path / "dropped.png"
    path.write_bytes(shapes)
    return path


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("no picture")
    return path


def test_a_picture_that_is_dropped_is_asked_about(visit: Callable[..., Page], picture: Path) -> None:
    board = Board(visit())
    drag(board.page, picture, drop=False)
    expect(board.stage).to_be_hidden()
    drag(board.page, picture)
    expect(board.page.locator("#file-name")).to_contain_text(f"dropped.png, {WIDTH}")
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    board.ask()
    assert board.masks()[0].shape == (HEIGHT, WIDTH)


def test_what_is_dropped_and_no_picture_leaves_the_picture_and_its_regions(board: Board, note: Path) -> None:
    page = board.page
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    regions, problem = board.regions(), page.get_by_role("alert")
    drag(page, note)
    expect(problem).to_contain_text("“note.txt” is not a picture that this browser can show.")
    expect(page.locator("#file-name")).to_contain_text("shapes.png")
    assert board.regions() == regions
    board.ask()
    expect(problem).to_be_empty()
    assert board.masks()[0].sum() == (DISC[2] - DISC[0]) * (DISC[3] - DISC[1])


def test_of_several_files_the_first_picture_is_opened(visit: Callable[..., Page], picture: Path, note: Path) -> None:
    page = visit()
    drag(page, note, picture)
    expect(page.locator("#file-name")).to_contain_text("dropped.png")
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_picture_dropped_on_the_knowledge_base_is_opened(visit: Callable[..., Page], picture: Path) -> None:
    page = visit(path="/#entities")
    drag(page, picture)
    expect(page.locator("#stage")).to_be_visible()
    expect(page.locator("#file-name")).to_contain_text("dropped.png")


def test_a_picture_is_pasted_from_the_clipboard(
    visit: Callable[..., Page], context: BrowserContext, shapes: bytes
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit()
    page.evaluate(COPY, base64.b64encode(shapes).decode())
    page.keyboard.press("Control+V")
    expect(page.locator("#file-name")).to_contain_text(f"image.png, {WIDTH}")
    board = Board(page)
    board.ask()
    expect(board.page.locator(".card").first).to_be_visible()


def test_text_is_pasted_where_it_belongs(visit: Callable[..., Page], context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit(path="/#entities")
    page.evaluate("navigator.clipboard.writeText('red')")
    field = page.get_by_role("searchbox")
    field.focus()
    page.keyboard.press("Control+V")
    expect(field).to_have_value("red")
    expect(page.get_by_role("alert")).to_be_empty()
