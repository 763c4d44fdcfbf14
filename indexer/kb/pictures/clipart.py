"""Debian's collection of Open Clip Art: drawings, each with the title that its author gave it, or named by its file.

A file's name is its title, cut off, and its author: `medicina_dottore_archite_01.png`. The title stands whole in the
PNG. But some authors gave one title to a whole set ("Clipart by Nicu Buculei - antenna"), so a title counts only where
the file is named after it; else the file's name does, less what names authors and variants.
"""

import html
import re
import tomllib
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import Image

from indexer.kb.pictures.match import Captioned, PicturesError

CLIPART = "usr/share/openclipart/png"  # below the folder that the Debian packages are unpacked in
WORDS = Path(__file__).with_name("clipart_words.toml")
LARGEST = 4096  # pixels of the longer side; a few drawings are posters of a hundred megapixels

# Folders of signs, symbols and patterns, which are no pictures of things; and one of duplicates.
LEFT_OUT = (
    "buttons", "computer/buttons", "computer/icons", "decorations", "logos", "people/smilies", "people/stickmen",
    "recreation/games/cards", "shapes", "signs_and_symbols", "special", "transportation/aiga-symbols",
    "transportation/roadsigns", "unsorted/duplicates",
)  # fmt: skip
# In titles and names of files that are not the plainest picture of their thing.
PLAIN_LAST = re.compile(
    r"\b(?:b and w|b w|bw|black and white|contour|half|head|outline|silhouette?|silhouet|slice|symbol|wedge)\b"
)
RANK = 10  # after all stamps
_SET = re.compile(r"^Clipart by .* - ")
_ASIDE = re.compile(r"\(.*?\)")


def read_clipart(folder: Path, *, prefix: str = "") -> list[Captioned]:
    """Every drawing of a thing that lets what is behind it through, in order of paths.

    Args:
        prefix: what their paths begin with.

    Raises:
        PicturesError: there is no clip art, or a file is no picture.
    """
    found = []
    for path in _files(folder):
        relative = path.relative_to(folder).as_posix()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", Image.DecompressionBombWarning
                )  # a poster is left out by its size below
                with Image.open(path) as file:
                    cut_out = file.mode in ("RGBA", "LA") or "transparency" in file.info
                    title, largest = str(file.info.get("Title", "")), max(file.size)
        except Image.DecompressionBombError:
            continue
        except OSError as error:
            raise PicturesError(f"{path} is no picture: remove the default data and fetch it again.") from error
        if cut_out and largest <= LARGEST:
            told = caption(title, path.stem)
            rank = RANK + len(told.split()) + 10 * bool(PLAIN_LAST.search(spaced(f"{title} {path.stem}")))
            found.append(
                Captioned(
                    path=prefix + relative, caption=told, topic=relative.rpartition("/")[0], drawn=True, rank=rank
                )
            )
    if not found:
        raise PicturesError(
            f"There is no clip art at {folder}; `python -m indexer.default_data fetch --kb wikipedia` fetches it."
        )
    return found


def caption(title: str, stem: str) -> str:
    """What a drawing is said to show, in English as far as the table of words goes; empty if that is two things."""
    told_by_title = _naming(_ASIDE.sub("", _SET.sub("", html.unescape(title))))
    told_by_file = _naming(stem)
    plain = told_by_title if _named_after(told_by_title, told_by_file) else told_by_file
    told = _words("english").get(" ".join(plain), " ".join(plain))
    return "" if " and " in told else told


def _naming(name: str) -> list[str]:
    return [word for word in spaced(name).split() if word not in _words("not_of_the_name")]


def spaced(name: str) -> str:
    """A title or a file's name as lower-case words without numbers: "CayennePepper_01" is "cayenne pepper"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[^\w']|[\d_]", " ", apart).lower().split())


def _named_after(title: list[str], stem: list[str]) -> bool:
    """Files are named by at least the first letters of their title, or by words of it."""
    begins, named = "".join(title)[:8], "".join(stem)
    return (len(begins) >= 2 and named.startswith(begins)) or any(len(word) >= 3 for word in {*title} & {*stem})


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.png")):
        relative = path.relative_to(folder).as_posix()
        if not path.is_symlink() and not relative.startswith(tuple(f"{left_out}/" for left_out in LEFT_OUT)):
            yield path


@cache
def _words(table: str) -> dict[str, str]:
    tables: dict[str, dict[str, str]] = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    return tables[table]
