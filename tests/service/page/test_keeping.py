"""A picture that is open survives a reload, in this tab of this browser, until it is closed or another is opened."""

from collections.abc import Callable

import numpy as np
from playwright.sync_api import Page, expect

from tests.service.page.conftest import DISC, Board

KEPT = """async () => {
  const { kept } = await import("/page/asking/keeping.js");
  const found = await kept();
  return found && [found.file.name, found.file.size, found.regions.length];
}"""


def reload(page: Page) -> None:
    page.reload()
    page.wait_for_selector("body[data-ready]")


def written(page: Page, regions: int, name: str = "shapes.png") -> None:
    """Waits until a picture is kept with so many regions."""
    page.evaluate(
        """async ([count, name]) => {
          const { kept } = await import("/page/asking/keeping.js");
          const isSo = (found) => found?.regions.length === count && found.file.name === name;
          while (!isSo(await kept())) await new Promise((resolve) => setTimeout(resolve, 50));
        }""",
        [regions, name],
    )


def test_a_picture_and_its_regions_survive_a_reload(board: Board, shapes: bytes) -> None:
    page = board.page
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    board.ask()
    before = board.masks()
    written(page, 1)
    assert page.evaluate(KEPT) == ["shapes.png", len(shapes), 1]
    reload(page)
    expect(board.stage).to_be_visible()
    expect(page.locator("#file-name")).to_contain_text("shapes.png")
    assert len(board.regions()) == 1
    expect(board.button("Undo")).to_be_disabled()
    board.ask()
    assert (np.array(board.masks()) == np.array(before)).all()


def test_what_nobody_marked_is_not_kept(board: Board) -> None:
    board.mark(DISC)
    written(board.page, 1)
    board.button("Remove region 1").click()
    board.ask()
    assert len(board.regions()) == 2
    written(board.page, 0)
    reload(board.page)
    expect(board.page.locator("#no-regions")).to_be_visible()


def test_another_picture_takes_its_place(board: Board, shapes: bytes) -> None:
    board.open(shapes, "other.png")
    written(board.page, 0, "other.png")  # else the reload may come before it
    reload(board.page)
    expect(board.page.locator("#file-name")).to_contain_text("other.png")
    names = """async () => {
      const open = indexedDB.open("wikiclip", 1);
      await new Promise((resolve) => (open.onsuccess = resolve));
      const all = open.result.transaction("open").objectStore("open").getAll();
      await new Promise((resolve) => (all.onsuccess = resolve));
      return all.result.map(({ file }) => file.name);
    }"""
    assert board.page.evaluate(names) == ["other.png"]


def test_a_picture_that_is_closed_is_gone(board: Board) -> None:
    page = board.page
    with page.expect_navigation():
        board.button("Close picture").click()
    page.wait_for_selector("body[data-ready]")
    expect(page.get_by_text("This browser keeps it until you close it or open another.")).to_be_visible()
    expect(board.stage).to_be_hidden()
    assert page.evaluate(KEPT) is None


def test_another_tab_begins_without_it(board: Board, visit: Callable[..., Page]) -> None:
    written(board.page, 0)
    other = visit()
    expect(other.locator("#stage")).to_be_hidden()
    assert other.evaluate(KEPT) is None


def test_what_another_tab_kept_stays_where_one_is_closed(
    board: Board, visit: Callable[..., Page], shapes: bytes
) -> None:
    written(board.page, 0)
    other = Board(visit())
    other.open(shapes, "other.png")
    written(other.page, 0, "other.png")
    with board.page.expect_navigation():
        board.button("Close picture").click()
    board.page.wait_for_selector("body[data-ready]")
    reload(other.page)
    expect(other.page.locator("#file-name")).to_contain_text("other.png")


def test_a_browser_that_keeps_nothing_asks_all_the_same(visit: Callable[..., Page], shapes: bytes) -> None:
    page = visit()
    page.add_init_script("indexedDB.open = () => { throw new DOMException('not here', 'SecurityError'); };")
    reload(page)
    board = Board(page)
    board.open(shapes)
    board.ask()
    expect(page.get_by_role("alert")).to_be_empty()
    reload(page)
    expect(board.stage).to_be_hidden()
