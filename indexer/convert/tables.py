"""Rows of CSV, TSV and Parquet files, in memory that does not grow with the file."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from indexer.convert.arrow_values import expect_texts, is_bytes, rows_of_batch
from indexer.convert.cells import draft
from indexer.convert.columns import Columns
from indexer.convert.csv_encoding import START, is_wide, wide_encoding
from indexer.convert.csv_rows import rows_of
from indexer.convert.outcome import Draft, Loss, Note, shown
from indexer.convert.pictures import PictureFolder
from indexer.convert.unsplit import Unsplit
from wikiclip.base.errors import WikiClipError

BATCH_ROWS = 1024
PARQUET = b"PAR1"
SPREADSHEETS = (".xlsx", ".xls", ".ods")
DELIMITERS = ",;\t|"
NO_DELIMITERS = '"\r\n'
SEPARATOR_LINE = re.compile(r"""(?i:"?sep=([^"\r\n])"?\s*)""")  # which Excel takes for no row


def drafts_of_table(
    path: Path, columns: Columns, *, images: PictureFolder | None, delimiter: str | None, encoding: str
) -> Iterator[Draft | Loss | Note]:
    """Yields the records of a table, and what is lost.

    Args:
        delimiter: between cells of a CSV file; if None, the one that a first line `sep=;` names, as Excel has it, or
            that is most frequent there.
        encoding: of a CSV file.

    Raises:
        WikiClipError: the file cannot be read, or its columns are others than were named.
    """
    if not path.is_file():
        raise WikiClipError(f"There is no table at {path}.")
    if path.suffix.lower() in SPREADSHEETS:
        raise WikiClipError(f"{path} is a spreadsheet: save it as CSV (UTF-8) and convert that.")
    with path.open("rb") as file:
        start = file.read(START)
    if start.startswith(PARQUET):
        yield from _of_parquet(path, columns, images)
    else:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in NO_DELIMITERS):
            raise WikiClipError(f"--delimiter {shown(delimiter)} separates no cells: write one character, such as ';'.")
        yield from _of_csv(path, columns, images, delimiter, encoding, wide_encoding(start))
    if images is not None:
        images.expect_some(otherwise=", or with --image another column")


def _of_parquet(path: Path, columns: Columns, images: PictureFolder | None) -> Iterator[Draft | Loss | Note]:
    try:
        with pq.ParquetFile(path) as file, tqdm(total=file.metadata.num_rows, unit=" rows", desc=path.name) as bar:
            schema, number = file.schema_arrow, 0  # which is made anew, of all columns, whenever it is asked for
            header = _named_once(schema.names, path)
            found = columns.among(header)
            expect_texts(found, schema)
            unsplit = Unsplit(found)
            bar.write(f"{path.name}: {found.told()}.")
            read = [name for name in header if name not in found.left_out]
            for batch in file.iter_batches(BATCH_ROWS, columns=read):
                for row in rows_of_batch(batch, found.left_out):
                    number += 1
                    unsplit.look(row)
                    yield from draft(f"{path.name}, row {number}", row, found, images)
                bar.update(len(batch))
            with_form = [field.name for field in schema if not is_bytes(field.type)]
            yield from (*found.notes(with_form, with_pictures=images is not None), *unsplit.notes())
    except (pa.ArrowException, OSError) as error:
        raise WikiClipError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}.") from error


def _of_csv(
    path: Path,
    columns: Columns,
    images: PictureFolder | None,
    delimiter: str | None,
    encoding: str,
    seems: str | None,
) -> Iterator[Draft | Loss | Note]:
    encoding = "utf-8-sig" if encoding.lower().replace("-", "") == "utf8" else encoding  # with a mark or without
    try:
        if seems and not is_wide(encoding):
            raise UnicodeError(f"it seems to be in {seems}")
        with (
            path.open(encoding=encoding, newline="") as file,
            tqdm(total=path.stat().st_size, unit="B", unit_scale=True, desc=path.name) as bar,
        ):
            first = file.readline()
            file.seek(0)
            told = SEPARATOR_LINE.fullmatch(first)
            rows = rows_of(file, delimiter=delimiter or (told[1] if told else _delimiter(first, path)))
            if told:
                next(rows)
            header, unsaid = _header(rows, path)
            found = columns.among(header)
            unsplit = Unsplit(found)
            bar.write(f"{path.name}: {found.told()}.")
            for line, cells in rows:
                where = f"{path.name}:{line}"
                bar.update(os.lseek(file.fileno(), 0, os.SEEK_CUR) - bar.n)
                if isinstance(cells, str):
                    yield Loss(where, cells, record=True)
                elif not any(cells):  # spreadsheets save empty rows at the end
                    continue
                elif len(cells) == len(header):
                    row = dict(zip(header, cells, strict=True))
                    unsplit.look(row)
                    unsaid -= {name for name in unsaid if row[name].strip()}
                    yield from draft(where, row, found, images)
                else:
                    yield Loss(where, "a row has another number of cells than the header", record=True)
            said = [name for name in header if name not in unsaid]
            yield from (*found.notes(said, with_pictures=images is not None), *unsplit.notes())
    except (UnicodeError, LookupError) as error:
        advice = f"--encoding {seems}" if seems else "--encoding cp1252 for what older spreadsheets save"
        raise WikiClipError(
            f"{path} is not in the encoding {encoding.removesuffix('-sig')} ({error}): name another, such as {advice}."
        ) from error
    except OSError as error:
        raise WikiClipError(f"{path} cannot be read: {error.strerror or error}.") from error


def _delimiter(first: str, path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else max(DELIMITERS, key=first.count)


def _header(rows: Iterator[tuple[int, list[str] | str]], path: Path) -> tuple[list[str], set[str]]:
    """The columns, and those of them that have no name: spreadsheets save some at the end, of which most are empty.

    Raises:
        WikiClipError: the first line does not name each of the others once.
    """
    _, cells = next(rows, (0, []))
    header = [] if isinstance(cells, str) else [name.strip() for name in cells]
    if not any(header):
        raise WikiClipError(f"{path} has no first line that names its columns.")
    named = max(place for place, name in enumerate(header, 1) if name)
    unnamed = [f"column {place}" for place in range(named + 1, len(header) + 1)]
    return _named_once([*header[:named], *unnamed], path), {*unnamed}


def _named_once(header: list[str], path: Path) -> list[str]:
    twice = {name for name, count in Counter(header).items() if count > 1}
    if twice:
        raise WikiClipError(f"{path} names the column {min(twice)!r} twice: rename one.")
    return header
