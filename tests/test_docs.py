"""The manual: it names what exists, its links lead somewhere, and no page is longer than a person reads."""

import re
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOTEBOOK = DOCS / "notebook"  # what was tried: as long as it has to be
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
MOST_WORDS = 1_500
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LIST = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
FILES = subprocess.check_output(LIST, cwd=ROOT, text=True).splitlines()
FOLDERS = {file.partition("/")[0] for file in FILES if "/" in file}
PACKAGES = ("wikiclip", "indexer", "training", "service", "benchmarks")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without what stands in fences, whose comments look like headings."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, by the rule that GitHub and Python-Markdown share."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def targets(page: Path) -> Iterator[str]:
    """What a page links to or shows, other sites excepted."""
    text = prose(page)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"\s]+)"', text)
    return (target for target in found if not re.match(r"[a-z]+:", target))


def nav_pages(entry: Any) -> Iterator[str]:
    match entry:
        case str():
            yield entry
        case list():
            for each in entry:
                yield from nav_pages(each)
        case dict():
            for each in entry.values():
                yield from nav_pages(each)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_that_a_page_names_exist(page: Path) -> None:
    """Those below a folder of this repository; what is made in `var/`, or lies at a user's, is none of them."""
    spans = re.findall(r"`([^`\n]+)`", prose(page))
    named = {word for span in spans for word in span.split() if word.partition("/")[0] in FOLDERS and "/" in word}
    assert {path for path in named if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_that_a_page_runs_exist(page: Path) -> None:
    """With `-m`, or by their name alone, as `benchmarks.serve`."""
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(rf"-m ((?:{'|'.join(PACKAGES)})(?:\.\w+)*)", text))
    named |= set(re.findall(r"`(benchmarks(?:\.\w+)+)`", text))
    places = {module: ROOT.joinpath(*module.split(".")) for module in named}
    missing = {
        module
        for module, place in places.items()
        if not place.with_suffix(".py").exists() and not (place / "__main__.py").exists()
    }
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = set()
    for target in targets(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.add(target)
    assert broken == set()


def test_pages_that_the_code_names_exist() -> None:
    sources = [ROOT / file for file in FILES if not file.startswith("docs/")]
    named = {
        (name_of(path), found)
        for path in sources
        if path.is_file() and path.suffix in {"", ".py", ".md", ".toml", ".yml", ".sh", ".html"}
        for found in re.findall(r"\bdocs/[\w/-]+\.(?:md|svg|webp)\b", path.read_text(encoding="utf-8"))
    }
    assert named
    assert {(source, found) for source, found in named if not (ROOT / found).exists()} == set()


@pytest.mark.parametrize("page", [page for page in PAGES if DOCS in page.parents], ids=name_of)
def test_a_page_of_the_manual_is_read_in_a_few_minutes(page: Path) -> None:
    words = re.findall(r"\S*\w\S*", page.read_text(encoding="utf-8"))
    assert NOTEBOOK in page.parents or len(words) <= MOST_WORDS


def test_the_site_has_every_page() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = list(nav_pages(site["nav"]))
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in PAGES if DOCS in page.parents)


def test_the_readme_names_every_page_of_the_manual() -> None:
    named = {target.partition("#")[0] for target in targets(ROOT / "README.md")}
    manual = {page for page in DOCS.glob("*.md") if page.name != "index.md"}
    assert {name_of(page) for page in manual} <= named


def test_a_request_enters_no_folder_twice() -> None:
    """As the architecture's walk from the route to the candidate has it."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    walk = text[text.index("From the route to the candidate") : text.index("## A record")]
    files = re.findall(r"^\|\s*\d+ \| `([^`]+)`", walk, re.MULTILINE)
    folders = [folder for folder, _ in groupby(str(Path(file).parent) for file in files)]
    assert folders[0] == "service/routes"
    assert len(set(folders)) == len(folders)
