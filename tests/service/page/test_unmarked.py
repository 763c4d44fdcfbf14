"""Where nothing is marked: the thing in the middle and the whole picture are asked about, on two kinds of screen."""

import io
import json
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Page, Route, expect
from pycocotools import mask as coco_mask

from tests.service.conftest import COLOURS
from tests.service.page.conftest import BLOCK, DISC, HEIGHT, WIDTH, Board, middle
from tests.service.page.test_accessible import violations

THING = (110, 70, 210, 170)
ORDER = """async (regions) => {
  const { inOrder } = await import("/page/answers/order.js");
  const told = regions.map(([name, confidence, score]) => (
    { name, whole: name === "whole", result: { confidence, candidates: score === null ? [] : [{ score }] } }));
  return inOrder(told).map(({ name }) => name);
}"""
PROBLEM = "application/problem+json"


@pytest.fixture
def context(screened: BrowserContext) -> BrowserContext:
    return screened


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A red disc in the middle of a grey ground."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (230, 232, 235))
    ImageDraw.Draw(image).ellipse(THING, fill=COLOURS["red"])
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture
def board(visit: Callable[..., Page], picture: bytes) -> Board:
    board = Board(visit())
    board.open(picture)
    return board


def names(board: Board) -> list[str]:
    """Of the regions in the list, and the answers are of the same."""
    shown = [text.split("\n")[1] for text in board.regions()]
    answered = [text.split("\n")[-1].strip() for text in board.page.locator(".answer h3").all_inner_texts()]
    assert set(answered) <= set(shown)
    return shown


def test_the_thing_in_the_middle_and_the_whole_picture_are_asked_about_in_one_request(
    board: Board, client: httpx.Client, picture: bytes
) -> None:
    page = board.page
    expect(page.locator("#no-regions")).to_have_text(
        "None is marked yet: the question is about the thing in the middle, and the whole picture."
    )
    board.ask()
    assert page.evaluate("window.asked.map(({ path, point }) => [path, point ?? null])") == [
        ["/segment", None],
        ["/link", None],
    ]
    (found,) = client.post("/segment", files={"image": picture}).json()["regions"]
    regions = board.linked()
    assert regions == [found["rle"], None]
    mask = coco_mask.decode(regions[0]).astype(bool)
    assert mask[HEIGHT // 2, WIDTH // 2]
    assert not mask[5, 5]
    assert names(board) == ["Thing in the middle", "Whole picture"]
    form = {"regions": json.dumps(regions), "top_k": "5"}
    results = client.post("/link", files={"image": picture}, data=form).json()["results"]
    for name, result in zip(names(board), results, strict=True):
        expect(board.answer(name).locator("h4")).to_have_text([one["title"] for one in result["candidates"]])
    surest = max((0, 1), key=lambda place: results[place]["confidence"])
    expect(page.locator(".answer h3").first).to_contain_text(names(board)[surest])
    expect(page.locator(".answer").first).to_be_in_viewport()
    expect(page.locator(".answer h3").first).to_be_in_viewport()
    assert violations(page) == []
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_of_several_things_the_one_nearest_to_the_middle_is_asked_about(
    visit: Callable[..., Page], shapes: bytes, client: httpx.Client
) -> None:
    board = Board(visit())
    board.open(shapes)
    board.ask()
    found = client.post("/segment", files={"image": shapes}).json()["regions"]
    assert len(found) == 2
    mask, none = board.linked()
    assert (mask, none) in [(one["rle"], None) for one in found]
    inside = coco_mask.decode(mask).astype(bool)
    at = min((DISC, BLOCK), key=lambda box: np.hypot(*np.subtract(middle(box), (WIDTH / 2, HEIGHT / 2))))
    x, y = middle(at)
    assert inside[int(y), int(x)]
    assert inside.mean() < 0.3
    expect(board.page.locator("#sizes")).to_be_hidden()  # the other is no part of it


def test_one_steps_from_what_a_frame_holds_to_the_frame(visit: Callable[..., Page]) -> None:
    image = Image.new("RGB", (WIDTH, HEIGHT), (200, 205, 210))
    draw = ImageDraw.Draw(image)
    draw.rectangle((80, 40, 239, 199), fill=(60, 40, 20))
    draw.rectangle((95, 55, 224, 184), fill=COLOURS["red"])
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    board = Board(visit())
    board.open(stream.getvalue())
    board.ask()
    page = board.page
    page.locator("#regions .choose").first.click()
    expect(page.locator("#sizes")).to_be_visible()
    shares = [coco_mask.decode(board.linked()[0]).mean()]
    way = "#smaller" if page.locator("#smaller").is_enabled() else "#larger"
    page.locator(way).click()
    board.ask()
    shares.append(board.masks()[0].mean())
    held, frame = sorted(shares)
    assert held == pytest.approx(130 * 130 / (WIDTH * HEIGHT), rel=0.15)
    assert frame == pytest.approx(160 * 160 / (WIDTH * HEIGHT), rel=0.15)


@pytest.mark.parametrize(
    ("results", "order"),
    [
        ([["middle", 0.4, 0.9], ["whole", 0.6, 0.2]], ["whole", "middle"]),
        ([["middle", 0.6, 0.2], ["whole", 0.4, 0.9]], ["middle", "whole"]),
        ([["middle", 0.5, 0.2], ["whole", 0.5, 0.9]], ["middle", "whole"]),
        ([["middle", None, 0.3], ["whole", None, 0.4]], ["whole", "middle"]),
        ([["middle", None, 0.4], ["whole", 0.9, 0.3]], ["middle", "whole"]),  # by scores: one has no confidence
        ([["middle", None, None], ["whole", None, 0.1]], ["whole", "middle"]),
        ([["whole", 0.5, 0.5], ["a", 0.2, 0.5], ["b", 0.7, 0.5], ["c", 0.3, 0.5]], ["a", "b", "whole", "c"]),
        ([["whole", 0.1, 0.5], ["a", 0.2, 0.5]], ["a", "whole"]),
        ([["b", 0.2, 0.5], ["a", 0.9, 0.5]], ["b", "a"]),  # what was marked stands as it was marked
    ],
)
def test_the_whole_picture_stands_above_those_alone_of_which_it_is_surer(
    visit: Callable[..., Page], results: list[list[object]], order: list[str]
) -> None:
    assert visit().evaluate(ORDER, results) == order


@pytest.mark.parametrize("how", ["click", "brush", "box", "proposal", "new"])
def test_what_nobody_marked_goes_as_soon_as_something_is_marked(
    visit: Callable[..., Page], shapes: bytes, how: str
) -> None:
    board = Board(visit())
    board.open(shapes)
    page = board.page
    if how == "proposal":
        board.button("Find things").click()
        expect(page.locator("#proposals button").first).to_be_visible()
    board.ask()
    before = names(board)
    assert before == ["Thing in the middle", "Whole picture"]
    if how == "click":
        with page.expect_response("**/segment"):
            board.click(middle(DISC))
    elif how == "brush":
        board.tool("Brush")
        board.drag((60, 90), (100, 90))
    elif how == "box":
        board.mark(BLOCK)
    elif how == "proposal":
        page.locator("#proposals button").first.click()
    else:
        board.button("New region").click()
    expect(page.locator("#regions .choose")).to_have_count(1)
    expect(page.locator(".answer")).to_have_count(0)
    assert names(board) == ["Region 1"]
    board.button("Undo").click()  # one step
    assert names(board) == before
    expect(page.locator(".answer")).to_have_count(2)
    board.button("Undo").click()
    expect(page.locator("#no-regions")).to_be_visible()
    expect(page.locator(".answer")).to_have_count(0)
    expect(board.button("Undo")).to_be_disabled()
    board.button("Redo").click()
    assert names(board) == before
    board.button("Redo").click()
    assert names(board) == ["Region 1"]
    if how != "new":
        board.ask()
        (mask,) = board.masks()
        assert mask.any()
        expect(page.locator(".answer h3")).to_have_text([" 1 Region 1".strip()])
        expect(page.locator(".answer h3")).to_be_in_viewport()


def test_the_thing_in_the_middle_is_ones_own_once_it_is_changed(board: Board) -> None:
    page = board.page
    board.ask()
    sent = coco_mask.decode(board.linked()[0]).astype(bool)
    page.locator("#regions .choose").first.click()
    expect(page.locator("#regions .choose[aria-pressed=true]")).to_contain_text("Thing in the middle")
    board.tool("Brush")
    board.drag((20, 20), (60, 20))
    expect(page.locator(".answer")).to_have_count(0)
    assert names(board) == ["Thing in the middle"]
    board.button("Undo").click()
    assert names(board) == ["Thing in the middle", "Whole picture"]
    board.button("Redo").click()
    board.drag((20, 40), (60, 40))
    board.ask()
    (mask,) = board.masks()
    assert mask[20, 40]
    assert mask[40, 40]
    assert (mask | sent == mask).all()
    board.mark((5, 180, 60, 230))  # into what is chosen
    board.button("New region").click()
    board.mark((250, 10, 300, 60))
    assert names(board) == ["Thing in the middle", "Region 2"]


def test_who_asks_twice_is_answered_once(board: Board) -> None:
    page, answered = board.page, []
    page.on("response", lambda response: response.url.endswith("/link") and answered.append(response))
    board.button("What is this?").dblclick()
    expect(page.locator(".answer")).to_have_count(2)
    page.wait_for_load_state("networkidle")
    assert len(answered) == 2
    expect(page.locator(".answer")).to_have_count(2)
    assert names(board) == ["Thing in the middle", "Whole picture"]
    board.button("Undo").click()
    assert board.regions() == []


def test_a_click_on_the_thing_in_the_middle_marks_it(board: Board) -> None:
    page = board.page
    board.ask()
    with page.expect_response("**/segment"):
        board.click(middle(THING))
    expect(page.locator("#regions .choose")).to_have_count(1)
    assert names(board) == ["Region 1"]
    expect(page.locator(".answer")).to_have_count(0)


def test_one_of_both_can_be_removed(board: Board) -> None:
    board.ask()
    board.button("Remove whole picture").click()
    assert names(board) == ["Thing in the middle"]
    expect(board.page.locator(".answer")).to_have_count(1)
    board.button("Undo").click()
    expect(board.page.locator(".answer")).to_have_count(2)
    board.mark((5, 180, 60, 230))
    assert names(board) == ["Region 1"]


@pytest.mark.parametrize(
    ("status", "type_", "regions"),
    [(200, "application/json", []), (500, PROBLEM, None), (503, PROBLEM, None), (502, "text/html", None)],
)
def test_where_no_thing_is_found_the_whole_picture_alone_is_asked_about(
    board: Board, status: int, type_: str, regions: list[object] | None
) -> None:
    said = {"type": "urn:wikiclip:problem:internal-error", "title": "no", "status": status, "detail": ""}
    body = json.dumps(said if regions is None else {"regions": regions})
    board.page.route("**/segment", lambda route: route.fulfill(status=status, content_type=type_, body=body))
    board.ask()
    assert board.linked() == [None]
    assert names(board) == ["Whole picture"]
    expect(board.page.get_by_role("alert")).to_be_empty()


def test_of_a_service_that_takes_one_region_the_whole_picture_alone_is_asked_about(board: Board) -> None:
    def only_one(route: Route) -> None:
        if "counts" not in (route.request.post_data_buffer or b"").decode("latin-1"):
            route.continue_()
            return
        problem = {"type": "urn:wikiclip:problem:too-many-regions", "title": "One is taken.", "status": 422}
        route.fulfill(status=422, content_type=PROBLEM, body=json.dumps(problem))

    board.page.route("**/link", only_one)
    board.button("What is this?").click()
    expect(board.page.locator(".answer")).to_have_count(1)
    assert names(board) == ["Whole picture"]
    expect(board.page.get_by_role("alert")).to_be_empty()


def test_what_is_the_callers_fault_is_said_and_nothing_more_is_asked(board: Board) -> None:
    page = board.page

    def refuse(route: Route) -> None:
        said = {"type": "urn:wikiclip:problem:rate-limited", "title": "Too many", "status": 429, "detail": "One."}
        route.fulfill(status=429, content_type=PROBLEM, body=json.dumps(said))

    page.route("**/segment", refuse, times=1)
    board.button("What is this?").click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("You asked more often than is allowed.")
    assert page.evaluate("window.asked.filter(({ path }) => path === '/link').length") == 0
    assert board.regions() == []
    with page.expect_response("**/link"):
        problem.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer")).to_have_count(2)


def test_a_marked_regions_answer_is_seen_though_others_stand_above_it(board: Board) -> None:
    page = board.page
    board.mark(THING)
    board.ask()
    board.button("New region").click()
    board.mark((10, 10, 90, 60))
    board.ask()
    expect(page.locator(".answer h3").nth(1)).to_be_in_viewport()
    assert np.array(board.masks()).shape[0] == 1
