"""How smoothly a photograph of twelve megapixels is drawn on: measured and printed, since machines differ."""

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.service.page.conftest import Board

WIDTH, HEIGHT = 4000, 3000
COUNT_FRAMES = """() => {
  window.frames_ms = [];
  let last = performance.now();
  const next = (now) => { window.frames_ms.push(now - last); last = now; window.frame = requestAnimationFrame(next); };
  window.frame = requestAnimationFrame(next);
  window.busy_ms = [];
  new PerformanceObserver((list) => window.busy_ms.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask" });
}"""


def photograph() -> bytes:
    """A JPEG of twelve megapixels, with as much detail as a photograph has."""
    random = np.random.default_rng(5)
    coarse = Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)).resize((WIDTH, HEIGHT), Image.BICUBIC)
    grain = random.integers(-12, 13, (HEIGHT, WIDTH, 1), np.int16)
    image = Image.fromarray(np.clip(np.asarray(coarse, np.int16) + grain, 0, 255).astype(np.uint8))
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=85)
    return stream.getvalue()


@pytest.mark.slow
def test_frames_while_a_photograph_of_twelve_megapixels_is_drawn_on(
    visit: Callable[..., Page], capsys: pytest.CaptureFixture[str]
) -> None:
    board = Board(visit(), WIDTH, HEIGHT)
    board.open(photograph(), "photograph.jpg", "image/jpeg")
    page = board.page
    board.tool("Brush")
    page.locator("#size").fill("40")
    lines = []
    for tool, marked in (("Brush", "%"), ("Eraser", "empty"), ("Move", "empty")):
        board.tool(tool)
        page.evaluate(COUNT_FRAMES)
        board.drag((400, 400), (3600, 700), (500, 1300), (3500, 2000), (600, 2600))
        frames, busy = page.evaluate("(cancelAnimationFrame(window.frame), [window.frames_ms, window.busy_ms])")
        assert len(frames) > 10
        expect(page.locator("#regions")).to_have_text(re.compile(marked))
        p50, p95 = np.percentile(frames, [50, 95])
        lines.append(
            f"{tool}: {len(frames)} frames, {p50:.1f} ms (median), {p95:.1f} ms (95%), {max(frames):.0f} ms (longest);"
            f" tasks over 50 ms: {[round(one) for one in busy]}"
        )
    with capsys.disabled():
        print("\nDrawing on 12 megapixels\n  " + "\n  ".join(lines))
