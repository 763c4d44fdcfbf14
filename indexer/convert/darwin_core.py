"""Taxa and specimens of a Darwin Core archive to records."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from indexer.convert.archive import Archive, Row
from indexer.convert.columns import expect_columns, kept_in_extra
from indexer.convert.outcome import Draft, Loss, Note
from indexer.convert.pictures import PictureFolder
from indexer.picture_paths import URL

PICTURES, NAMES, TEXTS = ("Multimedia", "Image"), ("VernacularName",), ("Description",)
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus")
TAGS = ("kingdom", "class", "order", "family")
REMARKS = ("taxonRemarks", "occurrenceRemarks", "physicalDescription")
OWN = ("scientificName", "references")  # what a record has as its title and its page
NOT_HERE = "a picture is not here: download it first"
CACHE_KB = 65_536


def drafts_of_archive(
    path: Path, *, images: PictureFolder | None, language: str | None, left_out: Sequence[str] = ()
) -> Iterator[Draft | Loss | Note]:
    """Yields a record for each row of the archive's core, and what is lost.

    The scientific name is the title, and common names are aliases. Synonyms are no records of their own.

    Args:
        images: where pictures lie under the last part of their address; None where there are none.
        language: of which descriptions are taken, as a tag of BCP 47; of any if None.
        left_out: terms of the core that no record has anything of.

    Raises:
        WikiClipError: it is no such archive, or its core has no such term.
    """
    archive = Archive(path)
    terms = list(dict.fromkeys([*archive.core.columns.values(), *archive.core.constants]))
    expect_columns(left_out, terms)
    # An empty name is a file of its own that goes with the connection.
    with closing(sqlite3.connect("", isolation_level=None)) as kept:
        kept.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        kept.execute("PRAGMA journal_mode = OFF")
        kept.execute("CREATE TABLE further (row_id TEXT, kind TEXT, cells TEXT)")
        kept.execute("BEGIN")
        yield from _keep(archive, kept)
        kept.execute("CREATE INDEX by_id ON further (row_id)")
        with tqdm(unit=" rows", desc=f"{path.name}, {archive.core.kind}") as bar:
            for row in archive.rows(archive.core):
                bar.update()
                if isinstance(row, Loss):
                    yield row
                else:
                    cells = {term: text for term, text in row.cells.items() if term not in left_out}
                    row = replace(row, cells=cells)
                    yield from _draft(row, _further(kept, row.row_id), images, language)
    yield from kept_in_extra([term for term in terms if term not in (*left_out, *OWN)])
    if images is not None:
        images.expect_some()


def _keep(archive: Archive, kept: sqlite3.Connection) -> Iterator[Loss]:
    for table in archive.extensions:
        if table.kind not in (*PICTURES, *NAMES, *TEXTS):
            yield Loss(table.files[0], f"tables of {table.kind} are not read")
            continue
        for row in tqdm(archive.rows(table), unit=" rows", desc=table.kind):
            if isinstance(row, Loss):
                yield Loss(row.where, row.why)
            else:
                cells = json.dumps(row.cells, ensure_ascii=False)
                kept.execute("INSERT INTO further VALUES (?, ?, ?)", (row.row_id, table.kind, cells))


def _further(kept: sqlite3.Connection, row_id: str) -> list[tuple[str, dict[str, str]]]:
    found = kept.execute("SELECT kind, cells FROM further WHERE row_id = ? ORDER BY rowid", (row_id,))
    return [(kind, json.loads(cells)) for kind, cells in found]


def _draft(
    row: Row, further: list[tuple[str, dict[str, str]]], images: PictureFolder | None, language: str | None
) -> Iterator[Draft | Loss]:
    cells = row.cells
    accepted = cells.get("acceptedNameUsageID")
    if accepted and accepted not in (row.row_id, cells.get("taxonID")):
        yield Loss(row.where, "a synonym of another taxon", record=True)
        return
    names = [of["vernacularName"] for kind, of in further if kind in NAMES and "vernacularName" in of]
    names += [cells[key] for key in ("vernacularName", "canonicalName") if key in cells]
    title = cells.get("scientificName") or next(iter(names), "")
    if not title:
        yield Loss(row.where, "a row without a name", record=True)
        return
    pictures = [of for kind, of in further if kind in PICTURES and "identifier" in of]
    addresses = [of["identifier"] for of in pictures]
    addresses += [part.strip() for part in cells.get("associatedMedia", "").split("|") if part.strip()]
    here = {each: _file(row.where, each, images) for each in dict.fromkeys(addresses)}
    yield from (at for at in here.values() if isinstance(at, Loss))
    credits = [of.get(key) for of in pictures for key in ("creator", "rightsHolder", "license")][:3]
    extra: dict[str, Any] = {key: value for key, value in cells.items() if key not in OWN}
    if missing := [address for address, at in here.items() if isinstance(at, Loss)]:
        extra["picture_urls"] = missing
    page = cells.get("references", "")
    yield Draft(
        row.where,
        {
            "entity_id": row.row_id,
            "title": title,
            "text": _text(cells, further, language),
            "images": list(dict.fromkeys(at for at in here.values() if isinstance(at, str))),
            **({"url": page} if page else {}),
            **({"attribution": ", ".join(filter(None, credits))} if any(credits) else {}),
            "aliases": [name for name in dict.fromkeys(names) if name != title],
            "tags": list(dict.fromkeys(cells[rank] for rank in TAGS if rank in cells)),
            "extra": extra,
        },
    )


def _file(where: str, address: str, images: PictureFolder | None) -> str | Loss:
    """The name of a picture in the folder, where it is there."""
    if images is None:
        return Loss(where, NOT_HERE, name=address)
    name = address.rstrip("/").rpartition("/")[2].partition("?")[0] if URL.match(address) else address
    return images.find(where, name, missing=NOT_HERE)


def _text(cells: Mapping[str, str], further: list[tuple[str, dict[str, str]]], language: str | None) -> str:
    """What is described, and where the taxon stands; words that a text encoder knows come first."""
    told = [of["description"] for kind, of in further if kind in TEXTS and _reads(of, language) and "description" in of]
    told += [cells[key] for key in REMARKS if key in cells]
    stands = [cells[rank] for rank in reversed(RANKS) if rank in cells]
    rank = cells.get("taxonRank", "").lower()
    if stands:
        told.append(f"{rank.capitalize() or 'A taxon'} of {', '.join(stands)}.")
    return " ".join(told)


def _reads(cells: Mapping[str, str], language: str | None) -> bool:
    return language is None or "language" not in cells or cells["language"].lower().startswith(language.lower()[:2])
