"""Click to mask, regions proposed, the demo's scenes, and why an answer is one."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from pycocotools import mask as coco_mask

from tests.service.conftest import Service, answer_as
from tests.service.page.conftest import BLOCK, DISC, HEIGHT, WIDTH, Board, middle


def ellipse(box: tuple[int, int, int, int]) -> np.ndarray:
    (x, y), radius = middle(box), (box[2] - box[0]) / 2
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 <= radius**2


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_click_marks_the_thing_that_is_clicked(board: Board) -> None:
    board.click(middle(DISC))
    expect(board.page.locator("#regions .choose")).to_have_count(1)
    board.click(middle(BLOCK))
    expect(board.page.locator("#regions .choose")).to_have_count(2)
    # What is marked is chosen by a click, and not marked again.
    board.click(middle(DISC))
    expect(board.page.locator("#regions .choose[aria-pressed=true]")).to_contain_text("Region 1")
    board.ask()
    disc, _ = board.masks()
    assert overlap(disc, ellipse(DISC)) > 0.8
    board.button("Undo").click()
    expect(board.page.locator("#regions .choose")).to_have_count(1)


def test_one_steps_from_what_a_click_marked_to_what_else_it_may_have_meant(board: Board) -> None:
    page = board.page
    inner, outer = (130, 90, 190, 150), (50, 10, 270, 230)  # a disc on a disc: either may be meant
    image = Image.new("RGB", (WIDTH, HEIGHT), (120, 160, 200))
    for box, colour in ((outer, (200, 60, 40)), (inner, (240, 220, 60))):
        ImageDraw.Draw(image).ellipse(box, fill=colour)
    file = io.BytesIO()
    image.save(file, "PNG")
    board.open(file.getvalue(), "discs.png")
    expect(page.locator("#sizes")).to_be_hidden()
    with page.expect_response("**/segment") as response:
        board.click(middle(inner))
    found = response.value.json()["regions"]
    assert len(found) > 1
    by_area = sorted(found, key=lambda region: region["area"])
    place = by_area.index(found[0])
    expect(page.locator("#sizes")).to_be_visible()
    smaller, larger = page.locator("#smaller"), page.locator("#larger")
    for _ in range(place):
        page.keyboard.press(",")
    expect(smaller).to_be_disabled()
    sizes = []
    for _ in by_area:
        board.ask()
        sizes.append(int(board.masks()[0].sum()))
        if larger.is_enabled():
            larger.click()
    expect(larger).to_be_disabled()
    assert sizes == [round(region["area"] * WIDTH * HEIGHT) for region in by_area]
    board.button("Undo").click()  # a step is undone as any other change
    expect(larger).to_be_enabled()
    board.tool("Brush")
    board.drag((5, 5), (20, 5))  # what was changed by hand is not replaced
    expect(page.locator("#sizes")).to_be_hidden()


def test_shift_adds_what_is_clicked_to_the_region(board: Board) -> None:
    board.click(middle(DISC))
    expect(board.page.locator("#regions .choose")).to_have_count(1)
    board.page.keyboard.down("Shift")
    with board.page.expect_response("**/segment"):
        board.click(middle(BLOCK))
    board.page.keyboard.up("Shift")
    board.ask()
    (mask,) = board.masks()
    for box in (DISC, BLOCK):
        x, y = middle(box)
        assert mask[int(y), int(x)]


def test_things_are_found_and_taken_with_the_pointer_or_with_keys(board: Board) -> None:
    page = board.page
    board.button("Find things").click()
    proposals = page.locator("#proposals button")
    expect(proposals.first).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("regions proposed")
    asked = page.evaluate("window.asked.length")
    board.click(middle(DISC))
    assert page.evaluate("window.asked.length") == asked  # nothing is asked for what is proposed
    assert len(board.regions()) == 1
    for number in range(proposals.count()):
        proposals.nth(number).focus()
        page.keyboard.press("Enter")
    board.ask()
    assert max(overlap(mask, ellipse(DISC)) for mask in board.masks()) > 0.8


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shapes: bytes, service: Service) -> Path:
    """A demo's folder, as `python -m training.demo` writes it, and an index of the demo's knowledge base."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    answer_as("wikipedia", service, monkeypatch)
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "scene.png").write_bytes(shapes)
    rle = coco_mask.encode(np.asfortranarray(ellipse(DISC).astype(np.uint8)))
    (folder / "disc.json").write_text(json.dumps({**rle, "counts": rle["counts"].decode("ascii")}))
    return folder


@pytest.mark.usefixtures("scene")
def test_a_scene_of_the_demo_comes_with_its_regions(visit: Callable[..., Page]) -> None:
    board = Board(visit())
    expect(board.page.locator("#scenes")).to_contain_text("Tux Paint")
    board.button("Example").click()
    expect(board.page.locator("#proposals button")).to_have_count(1)
    expect(board.page.locator(".work")).not_to_contain_text("disc")  # what it shows is not told before it is asked
    board.click(middle(DISC))
    board.ask()
    assert (board.masks()[0] == ellipse(DISC)).all()


def test_the_first_example_is_a_photograph_in_which_everything_can_be_found(
    visit: Callable[..., Page], scene: Path, shapes: bytes
) -> None:
    larger = Image.open(io.BytesIO(shapes)).resize((2 * WIDTH, 2 * HEIGHT))  # whose masks the demo has not
    larger.save(scene / "photograph.png")
    board = Board(visit())
    expect(board.page.locator("#scene-list button")).to_have_text(["Example 1", "Example 2"])
    board.button("Example 1").click()
    expect(board.page.locator("#file-name")).to_contain_text("photograph.png")
    expect(board.page.locator("#proposed")).to_be_hidden()  # no region is told before it is asked for
    board.button("Find everything").click()
    expect(board.page.locator("#proposals button")).to_have_count(2)


def test_an_answer_is_explained_on_both_pictures_and_in_words(board: Board) -> None:
    board.tool("Box")
    board.drag(DISC[:2], DISC[2:])
    board.ask()
    card = board.page.locator(".card", has=board.page.locator("img")).first
    why = card.get_by_role("button", name="Why this answer?")
    why.click()
    maps = card.locator(".why canvas")
    expect(maps).to_have_count(2)
    for number in range(2):
        colours = maps.nth(number).evaluate(
            "canvas => new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
            ".data.buffer)).size"
        )
        assert colours > 20
    expect(card.locator(".word").first).to_be_visible()
    expect(why).to_have_attribute("aria-expanded", "true")
    why.click()
    expect(maps.first).to_be_hidden()
    asked = board.page.evaluate("window.asked.length")
    why.click()
    expect(maps.first).to_be_visible()
    assert board.page.evaluate("window.asked.length") == asked


def test_an_entity_without_a_picture_is_explained_without_one(board: Board) -> None:
    board.ask()
    page = board.page
    told = page.evaluate(
        """async () => {
          const { explanation } = await import("/page/answers/explain.js");
          const { openPicture } = await import("/page/stage/picture.js");
          const file = new File([await (await fetch("/entities/red-disc/image")).blob()], "disc.png");
          const node = await explanation(await openPicture(file), null, { entity_id: "no-picture", title: "idea" });
          return [node.querySelectorAll("canvas").length, node.querySelector(".words").textContent];
        }"""
    )
    assert told[0] == 1
    assert "content" in told[1]
