"""Items of a Wikidata entity dump to records.

The format: https://www.wikidata.org/wiki/Wikidata:Database_download, a JSON array with an entity a line.
"""

import bz2
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import msgspec
from tqdm import tqdm

from indexer.convert.outcome import Draft, Loss
from indexer.convert.pictures import PictureFolder
from wikiclip.base.errors import WikiClipError

LONGEST_LINE = 64 * 2**20  # bytes
NOT_HERE = "a picture of Commons is not here: download it first"
PICTURE, KIND, SUBCLASS = "P18", "P31", "P279"


class Term(msgspec.Struct):
    """A text in a language."""

    value: str


class Sitelink(msgspec.Struct):
    """A page about the item."""

    title: str


class Item(msgspec.Struct):
    """What is read of an item. Maps that are empty come as lists."""

    id: str
    type: str = "item"
    labels: dict[str, Term] | list[Any] = {}
    descriptions: dict[str, Term] | list[Any] = {}
    aliases: dict[str, list[Term]] | list[Any] = {}
    sitelinks: dict[str, Sitelink] | list[Any] = {}
    claims: dict[str, list[dict[str, Any]]] | list[Any] = {}


_decode = msgspec.json.Decoder(Item).decode


def drafts_of_dump(
    path: Path, *, languages: Sequence[str], images: PictureFolder | None, site: str | None, kinds: Sequence[str]
) -> Iterator[Draft | Loss]:
    """Yields the items of a dump, and what is lost.

    Args:
        languages: of title and text, the first that an item has.
        images: where pictures lie under their names on Commons, with underscores; None where there are none.
        site: only items with a page there, such as "enwiki"; all if None.
        kinds: only instances of these (P31), by their ids; of any if empty.

    Raises:
        WikiClipError: the dump cannot be read.
    """
    if not path.is_file():
        raise WikiClipError(f"There is no dump at {path}.")
    with (
        _opened(path) as (raw, file),
        tqdm(total=path.stat().st_size, unit="B", unit_scale=True, desc=path.name) as bar,
    ):
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            bar.update(raw.tell() - bar.n)
            where = f"{path.name}:{number}"
            if (text := line.strip().removesuffix(b",")) in (b"[", b"]", b""):
                continue
            try:
                item = _decode(text)
            except (msgspec.DecodeError, RecursionError):
                yield Loss(where, "a line is no entity", record=True)
                continue
            yield from _draft(where, item, languages, images, site, frozenset(kinds))
    if images is not None:
        images.expect_some()


def _draft(
    where: str,
    item: Item,
    languages: Sequence[str],
    images: PictureFolder | None,
    site: str | None,
    kinds: frozenset[str],
) -> Iterator[Draft | Loss]:
    labels, descriptions, aliases, sites = map(_map, (item.labels, item.descriptions, item.aliases, item.sitelinks))
    of_kinds = _ids(item, KIND)
    language = next((each for each in languages if each in labels), None)
    if item.type != "item":
        yield Loss(where, f"it is no item but a {item.type}", record=True)
    elif site is not None and site not in sites:
        yield Loss(where, f"it has no page in {site}", record=True)
    elif kinds and not kinds & {*of_kinds}:
        yield Loss(where, "it is of another kind than was asked for", record=True)
    elif language is None:
        yield Loss(where, f"it has no label in {' or '.join(languages)}", record=True)
    else:
        title = labels[language].value
        told = next((descriptions[each].value for each in (language, *languages) if each in descriptions), "")
        if not told:
            yield Loss(where, "it has no description, so that its text is empty")
        names = [labels[each].value for each in languages if each in labels]
        names += [alias.value for each in languages for alias in aliases.get(each, ())]
        files = [name.replace(" ", "_") for name in _strings(item, PICTURE)]
        found = {name: _file(where, name, images) for name in files}
        here = [path for path in found.values() if isinstance(path, str)]
        missing = [name for name, path in found.items() if isinstance(path, Loss)]
        yield from (path for path in found.values() if isinstance(path, Loss))
        extra = {
            key: value
            for key, value in {
                "instance_of": of_kinds,
                "subclass_of": _ids(item, SUBCLASS),
                "commons_files": missing,
            }.items()
            if value
        }
        yield Draft(
            where,
            {
                "entity_id": item.id,
                "title": " ".join(title.split()),
                "text": told,
                "images": here,
                "url": _page(item.id, sites, (language, *languages)),
                "aliases": [name for name in dict.fromkeys(" ".join(each.split()) for each in names) if name != title],
                "tags": of_kinds,
                "lang": language,
                "extra": extra,
            },
        )


def _file(where: str, name: str, images: PictureFolder | None) -> str | Loss:
    return Loss(where, NOT_HERE, name=name) if images is None else images.find(where, name, missing=NOT_HERE)


def _page(item_id: str, sites: dict[str, Any], languages: Sequence[str]) -> str:
    for language in languages:
        if (page := sites.get(f"{language.replace('-', '_')}wiki")) is not None:
            return f"https://{language}.wikipedia.org/wiki/{quote(page.title.replace(' ', '_'))}"
    return f"https://www.wikidata.org/wiki/{item_id}"


def _map(held: Any) -> dict[str, Any]:
    return held if isinstance(held, dict) else {}


def _values(item: Item, claim: str) -> Iterator[Any]:
    """The values of a property's statements, without those that are deprecated or say that there is none."""
    for statement in _map(item.claims).get(claim, ()):
        try:
            if statement.get("rank") != "deprecated":
                yield statement["mainsnak"]["datavalue"]["value"]
        except (KeyError, TypeError, AttributeError):
            continue


def _ids(item: Item, claim: str) -> list[str]:
    return [
        value["id"] for value in _values(item, claim) if isinstance(value, dict) and isinstance(value.get("id"), str)
    ]


def _strings(item: Item, claim: str) -> list[str]:
    return [value for value in _values(item, claim) if isinstance(value, str)]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes] | gzip.GzipFile | bz2.BZ2File]]:
    """(the file as it lies there, what it holds). Raises WikiClipError where its compressed data is damaged."""
    try:
        with path.open("rb") as raw:
            start = raw.read(3)
            raw.seek(0)
            if start[:2] == b"\x1f\x8b":
                with gzip.open(raw) as file:
                    yield raw, file
            elif start == b"BZh":
                with bz2.open(raw) as file:
                    yield raw, file
            else:
                yield raw, raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise WikiClipError(f"{path} is damaged or was cut off ({error}); fetch it again.") from error
    except OSError as error:
        raise WikiClipError(f"{path} could not be read: {error.strerror or error}.") from error
