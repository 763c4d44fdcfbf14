"""The page in a real browser, and a picture to draw on."""

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

if os.environ.get("CI") != "true":
    pytest.importorskip("playwright.sync_api", reason="the tests of the page were left out: make setup gets Playwright")

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from pycocotools import mask as coco_mask

from benchmarks.browser import browser_path, launch
from service.settings import Settings
from tests.service.conftest import COLOURS, Service
from tests.service.page.collection import serve

WIDTH, HEIGHT = 320, 240
DISC, BLOCK = (40, 50, 120, 130), (190, 90, 290, 190)  # left, top, right, bottom
expect.set_options(timeout=30_000)  # other tests have the processor, too: what is waited for comes, only later
MARGIN = 12  # around the picture, when all of it is shown
Point = tuple[float, float]
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 3,
    },
}

# What the page asks, kept as it was asked: a browser does not tell the bodies of forms with files.
LISTEN = """
window.asked = [];
const fetched = window.fetch;
window.fetch = (path, options) => {
  if (options?.body instanceof FormData) {
    window.asked.push({ path, ...Object.fromEntries([...options.body].filter(([name]) => name !== "image")) });
  }
  return fetched(path, options);
};
"""


@cache
def chromium() -> str | None:
    """The browser's program."""
    with sync_playwright() as playwright:
        return browser_path(playwright)


def pytest_runtest_setup() -> None:
    """Leaves the tests of this folder out where there is no browser; all in one line, which a fixture could not."""
    if chromium() is None:
        missing = "there is no Chromium here; make setup gets one"
        if os.environ.get("CI") == "true":
            pytest.fail(f"The page cannot be tested: {missing}.", pytrace=False)
        pytest.skip(f"the tests of the page were left out: {missing}")


@pytest.fixture(scope="module")  # while Playwright runs no other test could start an event loop of its own
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium())
        yield browser
        browser.close()


@dataclass(frozen=True, slots=True)
class Board:
    """The page, with points given in pixels of the picture that is open."""

    page: Page
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def stage(self) -> Locator:
        return self.page.locator("#stage")

    def open(self, content: bytes, name: str = "shapes.png", kind: str = "image/png") -> None:
        self.page.locator("input[type=file]").first.set_input_files({"name": name, "mimeType": kind, "buffer": content})
        expect(self.page.locator("#file-name")).to_contain_text(name)

    def tool(self, name: str) -> None:
        self.page.get_by_role("radio", name=name).check(force=True)

    def button(self, name: str, *, exact: bool = True) -> Locator:
        return self.page.get_by_role("button", name=name, exact=exact)

    def at(self, point: Point) -> Point:
        """Where a point is on the screen while all of the picture is shown."""
        self.stage.scroll_into_view_if_needed()
        box = self.stage.bounding_box()
        assert box is not None
        scale = min((box["width"] - 2 * MARGIN) / self.width, (box["height"] - 2 * MARGIN) / self.height)
        left = box["x"] + (box["width"] - self.width * scale) / 2
        top = box["y"] + (box["height"] - self.height * scale) / 2
        return left + point[0] * scale, top + point[1] * scale

    def click(self, point: Point) -> None:
        self.page.mouse.click(*self.at(point))

    def drag(self, *points: Point) -> None:
        start, *others = [self.at(point) for point in points]
        self.page.mouse.move(*start)
        self.page.mouse.down()
        for other in others:
            self.page.mouse.move(*other, steps=5)
        self.page.mouse.up()

    def mark(self, box: tuple[int, int, int, int]) -> None:
        """Marks a box as a region."""
        self.tool("Box")
        self.drag(box[:2], box[2:])

    def ask(self) -> None:
        """Asks about what is marked, and waits for the answers."""
        before = self.page.locator(".answer").count()
        with self.page.expect_response("**/link") as response:
            self.button("What is this?").click()
        assert response.value.status == 200
        expect(self.page.locator(".answer").nth(before)).to_be_visible()

    def linked(self) -> list[dict[str, Any] | None]:
        """The regions that were last asked about, as they were sent; None for the whole picture."""
        told = self.page.evaluate("window.asked.filter((one) => one.path === '/link').at(-1).regions")
        regions: list[dict[str, Any] | None] = json.loads(told)
        return regions

    def masks(self) -> list[np.ndarray]:
        """The masks [height, width] that were last asked about, read by pycocotools."""
        return [coco_mask.decode(rle).astype(bool) for rle in self.linked()]

    def answer(self, name: str) -> Locator:
        """The answer for a region, by its name."""
        return self.page.get_by_role("article", name=name)

    def regions(self) -> list[str]:
        return self.page.locator("#regions .choose").all_inner_texts()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> str:
    """A kind of screen, by name."""
    name: str = request.param
    return name


@pytest.fixture
def screened(browser: Browser, screen: str) -> Iterator[BrowserContext]:
    """What a module takes as its `context`, so that its tests run on both kinds of screen."""
    context = browser.new_context(**SCREENS[screen])
    yield context
    context.close()


@pytest.fixture(scope="module")
def collection(
    start_for_module: Callable[[Settings], Service], settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Service:
    """A service over things of many tags, which keeps feedback."""
    return serve(settings, tmp_path_factory.mktemp("collection"), start_for_module)


@pytest.fixture
def visit(context: BrowserContext, service: Service) -> Iterator[Callable[..., Page]]:
    """Opens the page. It may raise no error, break no policy of its own, and ask no other server."""
    faults: list[str] = []

    def hear(page: Page, url: str) -> None:
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda said: "Content Security Policy" in said.text and faults.append(said.text))
        page.on("request", lambda asked: asked.url.startswith((url, "blob:", "data:")) or faults.append(asked.url))

    def run(url: str = service.url, path: str = "/") -> Page:
        page = context.new_page()
        hear(page, url)
        page.add_init_script(LISTEN)
        page.goto(url + path)
        page.wait_for_selector("body[data-ready]")
        return page

    yield run
    assert faults == []


@pytest.fixture
def board(visit: Callable[..., Page], shapes: bytes) -> Board:
    """The page with the picture of a disc and a block."""
    board = Board(visit())
    board.open(shapes)
    return board


@pytest.fixture(scope="session")
def shapes() -> bytes:
    """A PNG of a red disc and a blue block on a grey ground."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (230, 232, 235))
    draw = ImageDraw.Draw(image)
    draw.ellipse(DISC, fill=COLOURS["red"])
    draw.rectangle(BLOCK, fill=COLOURS["blue"])
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()


def middle(box: tuple[int, int, int, int]) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
