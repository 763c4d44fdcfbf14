"""Brush, eraser, lasso and box; undo and redo; zooming and moving: what is sent in the end is what was drawn."""

import json

import httpx
import numpy as np
from playwright.sync_api import expect

from tests.service.page.conftest import BLOCK, DISC, HEIGHT, WIDTH, Board, middle
from wikiclip.masks import encode_rle


def covered(box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_stroke_of_the_brush_is_asked_about(board: Board, shapes: bytes, client: httpx.Client) -> None:
    board.tool("Brush")
    board.drag((60, 90), (100, 90))
    board.ask()
    (mask,) = board.masks()
    assert mask.shape == (HEIGHT, WIDTH)
    rows, columns = np.nonzero(mask)
    assert abs(rows.mean() + 0.5 - 90) < 1
    assert abs(columns.mean() + 0.5 - 80) < 1
    radius = (rows.max() - rows.min() + 1) / 2
    assert 40 + 2 * radius - 2 <= columns.max() - columns.min() + 1 <= 40 + 2 * radius + 2
    form = {"region": json.dumps(encode_rle(mask)), "top_k": "5"}
    told = client.post("/link", files={"image": shapes}, data=form).json()["results"][0]["candidates"]
    cards = board.page.locator(".card")
    expect(cards.locator("h4")).to_have_text([candidate["title"] for candidate in told])
    cards.first.get_by_text("Source and similarity").click()
    expect(cards.first.get_by_role("meter")).to_be_visible()
    expect(board.page.locator(".timings")).to_contain_text("looking at it")


def test_the_eraser_takes_away_and_never_begins(board: Board) -> None:
    board.tool("Eraser")
    board.drag((60, 90), (100, 90))
    assert board.regions() == []
    board.tool("Box")
    board.drag(BLOCK[:2], BLOCK[2:])
    board.tool("Eraser")
    board.drag((BLOCK[0], 140), (BLOCK[2], 140))
    board.ask()
    (mask,) = board.masks()
    assert not mask[140, BLOCK[0] : BLOCK[2]].any()
    assert mask[BLOCK[1] + 2, BLOCK[0] + 2]
    assert mask.sum() < covered(BLOCK).sum()


def test_a_box_is_exact(board: Board) -> None:
    board.tool("Box")
    board.drag(BLOCK[2:], BLOCK[:2])
    board.ask()
    (mask,) = board.masks()
    assert overlap(mask, covered(BLOCK)) > 0.96


def test_a_lasso_fills_what_it_goes_around(board: Board) -> None:
    board.tool("Lasso")
    left, top, right, bottom = DISC
    board.drag((left, top), (right, top), (right, bottom), (left, bottom), (left, top + 4))
    board.ask()
    (mask,) = board.masks()
    assert overlap(mask, covered(DISC)) > 0.95


def test_a_lasso_that_leaves_the_picture_is_cut_off_at_its_edge(board: Board) -> None:
    board.tool("Lasso")
    board.drag((10, 10), (WIDTH + 9, 10), (WIDTH + 9, HEIGHT + 9), (10, HEIGHT + 9), (10, 10))
    board.ask()
    (mask,) = board.masks()
    assert overlap(mask, covered((10, 10, WIDTH, HEIGHT))) > 0.95


def test_strokes_are_undone_and_done_again(board: Board) -> None:
    undo, redo = board.button("Undo"), board.button("Redo")
    expect(undo).to_be_disabled()
    board.tool("Brush")
    board.drag((60, 90), (100, 90))
    board.drag((220, 120), (260, 160))
    board.ask()
    (both,) = board.masks()
    board.page.keyboard.press("Control+z")
    board.ask()
    (first,) = board.masks()
    assert 0 < first.sum() < both.sum()
    assert not first[:, WIDTH // 2 :].any()
    undo.click()
    assert board.regions() == []
    expect(undo).to_be_disabled()
    redo.click()
    board.page.keyboard.press("Control+Shift+z")
    expect(redo).to_be_disabled()
    board.ask()
    assert (board.masks()[0] == both).all()
    undo.click()
    board.drag((20, 20), (30, 20))
    expect(redo).to_be_disabled()


def test_a_region_that_was_removed_comes_back(board: Board) -> None:
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    board.button("Remove region 1").click()
    assert board.regions() == []
    board.button("Undo").click()
    board.ask()
    assert overlap(board.masks()[0], covered(DISC)) > 0.9


def test_the_wheel_zooms_where_the_pointer_is(board: Board) -> None:
    x, y = middle(DISC)
    board.tool("Brush")
    board.page.mouse.move(*board.at((x, y)))
    before = board.page.locator("#zoom").inner_text()
    board.page.mouse.wheel(0, -900)
    expect(board.page.locator("#zoom")).not_to_have_text(before)
    board.click((x, y))
    board.ask()
    rows, columns = np.nonzero(board.masks()[0])
    assert abs(rows.mean() + 0.5 - y) < 1
    assert abs(columns.mean() + 0.5 - x) < 1
    small = rows.max() - rows.min()
    board.button("Show all of the picture").click()
    expect(board.page.locator("#zoom")).to_have_text(before)
    board.click((x, y))
    board.ask()
    assert np.ptp(np.nonzero(board.masks()[0])[0]) > 2 * small


def test_the_picture_is_moved_by_hand_and_with_the_space_bar(board: Board) -> None:
    board.button("Zoom in").click()
    board.tool("Move")
    board.drag((160, 120), (180, 120))
    assert board.regions() == []
    board.tool("Brush")
    board.stage.focus()
    board.page.keyboard.down(" ")
    board.drag((160, 120), (180, 120))
    board.page.keyboard.up(" ")
    assert board.regions() == []
    board.drag((160, 120), (180, 120))
    assert len(board.regions()) == 1


def test_keys_choose_tools_unless_they_are_switched_off(board: Board) -> None:
    page = board.page
    board.stage.focus()
    for key, name in {"b": "Brush", "e": "Eraser", "l": "Lasso", "r": "Box", "h": "Move", "p": "Point"}.items():
        page.keyboard.press(key)
        expect(page.get_by_role("radio", name=name)).to_be_checked()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Single keys are shortcuts").uncheck()
    board.button("Close").click()
    board.stage.focus()
    page.keyboard.press("b")
    expect(page.get_by_role("radio", name="Point")).to_be_checked()
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    page.keyboard.press("Control+z")
    assert board.regions() == []


def test_a_box_can_be_given_by_numbers_with_keys_alone(board: Board) -> None:
    page = board.page
    page.get_by_text("Box by numbers").focus()
    page.keyboard.press("Enter")
    for name, value in {"Left": DISC[0], "Top": DISC[1], "Width": 80, "Height": 80}.items():
        page.get_by_label(name, exact=True).fill(str(value))
    page.keyboard.press("Enter")
    board.ask()
    assert (board.masks()[0] == covered(DISC)).all()
