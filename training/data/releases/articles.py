"""Which entity of a knowledge base an article of Wikipedia is: by the name in its address, or by its title."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from tqdm import tqdm

from indexer.kb.record import Entity, KnowledgeBase
from indexer.picture_paths import temporary_table

HOSTS = ("en.wikipedia.org", "en.m.wikipedia.org")
TABLE = """CREATE TABLE article
    (kind TEXT, name BLOB, entity_id BLOB, several INTEGER DEFAULT 0, PRIMARY KEY (kind, name)) WITHOUT ROWID"""
ADD = """INSERT INTO article (kind, name, entity_id) VALUES (?, ?, ?)
    ON CONFLICT (kind, name) DO UPDATE SET several = several OR entity_id <> excluded.entity_id"""


@contextmanager
def articles_of(kb: KnowledgeBase) -> Iterator[Callable[[str], str | None]]:
    """Gives a look-up from an article's name to the entity_id of its record; None where no record, or several, are it.

    The address of a record counts before titles, which other pages than Wikipedia's may share. All records are read
    once, with a progress bar; what is known of them moves to the disk as it grows.

    Raises:
        WikiClipError: the records cannot be read, or the disk for temporary files is full.
    """
    with temporary_table(TABLE) as table:
        records = tqdm(kb.records(), total=len(kb), desc=f"Articles of {kb.name}", unit=" records", unit_scale=True)
        table.executemany(ADD, (row for record in records if isinstance(record, Entity) for row in _rows(record)))

        def look_up(name: str) -> str | None:
            for kind in ("address", "title"):
                found = table.execute(
                    "SELECT entity_id FROM article WHERE kind = ? AND name = ? AND NOT several", (kind, _bytes(name))
                ).fetchone()
                if found is not None:
                    return str(found[0], "utf-8", "surrogatepass")
            return None

        yield look_up


def name_in(url: str) -> str | None:
    """Returns the article's name in an address of the English Wikipedia; None where it is no such address."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    path = parts.path.removeprefix("/wiki/")
    return name_of(unquote(path)) if parts.hostname in HOSTS and path not in ("", parts.path) else None


def name_of(title: str) -> str:
    """Returns a title as Wikipedia writes it in addresses: underscores for spaces, and a capital first."""
    name = "_".join(normalize("NFC", title).replace("_", " ").split())
    return name[:1].upper() + name[1:]


def _rows(record: Entity) -> Iterator[tuple[str, bytes, bytes]]:
    entity_id = _bytes(record.entity_id)
    if (name := name_in(record.url or "")) is not None:
        yield "address", _bytes(name), entity_id
    yield "title", _bytes(name_of(record.title)), entity_id


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON may hold half of a pair, which sqlite's texts may not
