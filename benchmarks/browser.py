"""A headless Chromium that is driven: the system's if there is one, else Playwright's own (`tools/get-browser.sh`)."""

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser_path(playwright: Playwright) -> str | None:
    """The program, or None where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    own = playwright.chromium.executable_path
    return found or (own if Path(own).is_file() else None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Starts it. Chromium's sandbox does not work for root, as whom containers run."""
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
