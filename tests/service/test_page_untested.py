"""What the tests of the page say where they have no browser: each is a whole pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="whether it finds a browser is tested with Playwright: make setup")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "tests/service/page"
TEST = "tests/service/page/test_rle.py"
TESTS = 2


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which neither the system nor Playwright has a browser."""
    found = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    return found | {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}


def run(*arguments: str, env: dict[str, str]) -> tuple[int, str]:
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments], cwd=ROOT, env=env, capture_output=True, text=True
    )
    return told.returncode, told.stdout


def test_without_a_browser_they_are_left_out_and_one_line_says_why(bare: dict[str, str]) -> None:
    code, said = run(TEST, env=bare)
    assert code == 0, said
    (line,) = [line for line in said.splitlines() if "left out" in line]
    assert line.startswith(f"SKIPPED [{TESTS}] {PAGE.relative_to(ROOT)}/conftest.py:")
    assert line.endswith("the tests of the page were left out: there is no Chromium here; make setup gets one")


def test_ci_fails_without_a_browser(bare: dict[str, str]) -> None:
    code, said = run(TEST, env=bare | {"CI": "true"})
    assert code == 1
    faults = [line for line in said.splitlines() if line.startswith(f"ERROR {TEST}")]
    assert len(faults) == TESTS
    assert all("The page cannot be tested: there is no Chromium here; make setup gets one." in line for line in faults)
    assert "skipped" not in said


@pytest.mark.parametrize("ci", [False, True])
def test_without_playwright_it_is_the_same(bare: dict[str, str], tmp_path: Path, ci: bool) -> None:
    (tmp_path / "playwright").mkdir()
    hidden = "raise ModuleNotFoundError(\"No module named 'playwright'\", name='playwright')\n"
    (tmp_path / "playwright" / "__init__.py").write_text(hidden)
    bare |= {"PYTHONPATH": str(tmp_path)} | ({"CI": "true"} if ci else {})
    code, said = run("tests/service", "--collect-only", env=bare)
    if ci:
        assert code == 2
        assert "ModuleNotFoundError: No module named 'playwright'" in said
    else:
        assert code == 0, said
        assert "the tests of the page were left out: make setup gets Playwright" in said
