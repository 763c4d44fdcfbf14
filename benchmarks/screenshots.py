"""Pictures of the page for the README, from the running demo: `python -m benchmarks.screenshots`.

Needs the demo's index and scene in WIKICLIP_HOME (`make demo` makes them) and a browser (`make setup`).
"""

import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from benchmarks.browser import browser_path, launch
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
START_S = 300
WIDE, PHONE = ViewportSize(width=1360, height=1080), ViewportSize(width=390, height=844)
QUALITY = 88
app = typer.Typer(add_completion=False)


@app.command()
def screenshots(
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("docs/pictures"),
) -> None:
    """Open the scene, ask what two of its things are, have an answer explained, and look something up."""
    out.mkdir(parents=True, exist_ok=True)
    with demo() as url, sync_playwright() as playwright:
        path = browser_path(playwright)
        if path is None:
            raise WikiClipError("There is no Chromium here; make setup gets one.")
        browser = launch(playwright, path)
        for scheme in SCHEMES:
            page = opened(browser, url, WIDE, scheme)
            save(page, out / f"start-{scheme}.webp")
        page = opened(browser, url, PHONE, "light")
        ask(page)
        save(page, out / "phone.webp")
        for scheme in SCHEMES:
            page = opened(browser, url, WIDE, scheme)
            ask(page)
            page.get_by_role("button", name="Why this answer?").first.click()
            page.locator(".why canvas").nth(1).wait_for()
            page.locator(".answer").first.scroll_into_view_if_needed()
            save(page, out / f"why-{scheme}.webp")
        page = opened(browser, f"{url}/#entities?q=violin", WIDE, "light")
        page.get_by_role("link", name="violin", exact=False).first.click()
        page.get_by_role("heading", name="Nearest entries").wait_for()
        save(page, out / "record.webp")
        browser.close()


@contextmanager
def demo() -> Iterator[str]:
    """The demo's server on a free port: its URL, once it links."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.executable, "-m", "service", "--port", str(port)])
    try:
        deadline = time.monotonic() + START_S
        while not links(url):
            if server.poll() is not None or time.monotonic() > deadline:
                raise WikiClipError("The demo does not start; `make demo` says why.")
            time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait()


def links(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:  # it does not listen yet
        return False


def opened(browser: Browser, url: str, viewport: ViewportSize, scheme: Scheme) -> Page:
    touched = viewport is PHONE
    page = browser.new_page(
        viewport=viewport, color_scheme=scheme, device_scale_factor=1.5, has_touch=touched, is_mobile=touched
    )
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    page.wait_for_load_state("networkidle")
    return page


def ask(page: Page) -> None:
    """Marks a giraffe and a violin, and asks what they are."""
    scenes = httpx.get(httpx.URL(page.url).join("/scenes")).json()["scenes"]
    place = [scene["name"] for scene in scenes].index("scene")
    page.locator(".scene").nth(place).click()
    # In the order of the buttons, which do not tell them.
    titles = [region["title"] for region in scenes[place]["regions"]]
    for name in ("giraffe", "violin"):
        page.locator("#proposals button").nth(titles.index(name)).click()
    page.get_by_role("button", name="What is this?").click()
    page.locator(".answer").nth(1).wait_for()
    page.mouse.move(0, 0)
    page.evaluate("window.scrollTo(0, 0)")


def save(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, quality=QUALITY, method=6)
    typer.echo(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    run(app)
