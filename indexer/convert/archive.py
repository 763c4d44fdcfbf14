"""A Darwin Core archive: a zip with a description (`meta.xml`), a core table and extension tables that refer to it.

The format: Darwin Core text guide, https://dwc.tdwg.org/text/.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from indexer.convert.csv_rows import rows_of
from indexer.convert.outcome import Loss
from wikiclip.base.errors import WikiClipError

META = "meta.xml"
MOST_META = 2**20  # bytes
SPACE = "{http://rs.tdwg.org/dwc/text/}"
ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


@dataclass(frozen=True, kw_only=True)
class TableOf:
    """A table of the archive.

    Attributes:
        kind: the last part of its row type, such as "Taxon", "Multimedia" or "VernacularName".
        id_column: which cell has the id of the core's row.
        columns: number of a cell -> the last part of its term, such as "scientificName".
        constants: terms that have one value in all rows.
    """

    kind: str
    files: tuple[str, ...]
    id_column: int
    columns: Mapping[int, str]
    constants: Mapping[str, str]
    delimiter: str
    quote: str
    skipped: int
    encoding: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row: where it is, the id of the core's row that it is or belongs to, and its cells that say something."""

    where: str
    row_id: str
    cells: Mapping[str, str]


class Archive:
    """An archive that is open.

    Attributes:
        core: the table of which each row is a record.
        extensions: tables with further rows for those.

    Raises:
        WikiClipError: it is no such archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            info = self._zip.getinfo(META)
            if info.file_size > MOST_META:
                raise WikiClipError(f"{META} in {path} takes {info.file_size:,} bytes, which no description does.")
            root = ElementTree.fromstring(self._zip.read(info))
        except FileNotFoundError as error:
            raise WikiClipError(f"There is no archive at {path}.") from error
        except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, OSError, NotImplementedError) as error:
            raise WikiClipError(f"{path} is no Darwin Core archive, a zip with a {META} in it ({error}).") from error
        cores = [_table(element, "id") for element in root.findall(f"{SPACE}core")]
        if len(cores) != 1:
            raise WikiClipError(f"{META} in {path} describes {len(cores)} core tables, and not one.")
        self.core = cores[0]
        self.extensions = [_table(element, "coreid") for element in root.findall(f"{SPACE}extension")]

    def size(self, table: TableOf) -> int:
        """Bytes of a table, as its zip says."""
        return sum(self._info(name).file_size for name in table.files)

    def rows(self, table: TableOf) -> Iterator[Row | Loss]:
        """Yields the rows of a table in their order."""
        for name in table.files:
            try:
                with self._zip.open(self._info(name)) as raw, io.TextIOWrapper(raw, table.encoding, newline="") as file:
                    yield from _rows(file, name, table)
            except (zipfile.BadZipFile, UnicodeDecodeError, LookupError, EOFError, OSError) as error:
                raise WikiClipError(f"{name} in {self._path} cannot be read: {error}.") from error

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._zip.getinfo(name)
        except KeyError as error:
            raise WikiClipError(f"{META} in {self._path} names {name!r}, which the archive does not hold.") from error


def _rows(file: io.TextIOWrapper, name: str, table: TableOf) -> Iterator[Row | Loss]:
    rows = rows_of(file, delimiter=table.delimiter, quote=table.quote or None)
    for number, (line, cells) in enumerate(rows, start=1):
        where = f"{name}:{line}"
        if number <= table.skipped or not cells:
            continue
        if isinstance(cells, str):
            yield Loss(where, f"of {table.kind}, {cells}", record=True)
            continue
        if len(cells) <= max([table.id_column, *table.columns], default=0):
            yield Loss(where, f"a row of {table.kind} has too few cells", record=True)
            continue
        held = {term: text for column, term in table.columns.items() if (text := " ".join(cells[column].split()))}
        yield Row(where, cells[table.id_column].strip(), {**table.constants, **held})


def _table(element: ElementTree.Element, id_name: str) -> TableOf:
    """Raises WikiClipError where the description lacks something."""
    own = element.find(f"{SPACE}{id_name}")
    names = tuple(each.text or "" for each in element.iterfind(f"{SPACE}files/{SPACE}location"))
    try:
        if own is None or not names:
            raise ValueError("a table without an id or a file")
        columns, constants = {}, {}
        for each in element.iterfind(f"{SPACE}field"):
            term = each.attrib["term"].rstrip("/").rpartition("/")[2]
            if "index" in each.attrib:
                columns[int(each.attrib["index"])] = term
            elif each.attrib.get("default"):
                constants[term] = each.attrib["default"]
        delimiter = _unescaped(element.attrib.get("fieldsTerminatedBy", ","))
        if len(delimiter) != 1:
            raise ValueError(f"cells that end with {delimiter!r}, and not with one character")
        return TableOf(
            kind=element.attrib.get("rowType", "").rstrip("/").rpartition("/")[2] or "unknown",
            files=names,
            id_column=int(own.attrib["index"]),
            columns=columns,
            constants=constants,
            delimiter=delimiter,
            quote=_unescaped(element.attrib.get("fieldsEnclosedBy", '"'))[:1],
            skipped=int(element.attrib.get("ignoreHeaderLines") or 0),
            encoding=element.attrib.get("encoding") or "utf-8",
        )
    except (KeyError, ValueError) as error:
        raise WikiClipError(f"{META} describes {error}: it is none of Darwin Core.") from error


def _unescaped(text: str) -> str:
    for written, meant in ESCAPES.items():
        text = text.replace(written, meant)
    return text
