"""Which data set a picture comes from: the rows of the paper's Table 7."""

import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.picture_paths import file_names
from training.data.releases.oven_pictures import path_rows

FILE = Path(__file__).with_name("sources.toml")
UNKNOWN = "unknown"
SHELF = re.compile(r"^[0-9]+$")  # a folder that only spreads files


@contextmanager
def open_sources(paths: Path | None) -> Iterator[Callable[[str, str | None], str]]:
    """Gives a look-up from a picture's id and file name to the data set that it is of.

    Args:
        paths: OVEN's `ovenid2impath.csv`. Without it a picture is of the first folder of its own path, where that is
            more than a number.
    """
    patterns = {name: re.compile(each, re.IGNORECASE) for name, each in _patterns().items()}

    def by_path(path: str) -> str:
        return next((name for name, pattern in patterns.items() if pattern.search(path)), UNKNOWN)

    def by_folder(image_id: str, file_name: str | None) -> str:
        folder, slash, _ = (file_name or "").lstrip("/").partition("/")
        return folder if slash and not SHELF.match(folder) else UNKNOWN

    if paths is None:
        yield by_folder
        return
    with file_names(path_rows(paths)) as name_of:
        yield lambda image_id, file_name: by_path(name_of(image_id) or "")


def _patterns() -> dict[str, str]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
