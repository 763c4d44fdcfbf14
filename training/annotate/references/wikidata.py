"""Kinds out of a local table of Wikidata's statements P31 (instance of) and P279 (subclass of).

Two files, each TSV with a line of names or Parquet: statements with the columns `entity`, `property` and `value`, and
labels with `entity` and `label`. A query service or a dump's script writes them; ids may be addresses that end in one.

Axes: S statement, ordered by entity.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from training.annotate.references.kinds import Kind
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import sha256

INSTANCE_OF, SUBCLASS_OF = "P31", "P279"
DEEPEST = 3  # steps up: what is further off is a kind of everything
# True of millions, and of no use to who looks for one.
EMPTY = frozenset({"taxon", "entity", "object", "group of organisms known by one particular common name", "item"})


class WikidataKinds:
    """The table, held in 16 bytes a statement.

    Raises:
        WikiClipError: a file is missing, is no such table, or holds no statement.
    """

    def __init__(self, statements: Path, labels: Path) -> None:
        self._files = statements, labels
        table = _read(statements, ("entity", "property", "value"))
        kept = pc.is_in(_last_part(table["property"]), value_set=pa.array([INSTANCE_OF, SUBCLASS_OF]))
        table = table.filter(kept)
        if not len(table):
            raise WikiClipError(f"{statements} holds no statement of {INSTANCE_OF} or {SUBCLASS_OF}.")
        entity_S, value_S = _numbers(table["entity"], statements), _numbers(table["value"], statements)
        # P31 first: what an entity is an instance of says more than what it is a subclass of.
        subclass_S = np.asarray(pc.equal(_last_part(table["property"]), SUBCLASS_OF))
        order_S = np.lexsort((np.arange(len(entity_S)), subclass_S, entity_S))
        self._entity_S, self._value_S = entity_S[order_S], value_S[order_S]
        named = _read(labels, ("entity", "label"))
        texts = (str(label).strip().lower() for label in named["label"].to_pylist())
        self._label = dict(zip(_numbers(named["entity"], labels).tolist(), texts, strict=True))

    def of(self, entity_id: str | None, name: str) -> list[Kind]:
        if entity_id is None or not (entity_id[:1] == "Q" and entity_id[1:].isdecimal()):
            return []
        found: list[Kind] = []
        for number in self._above(int(entity_id[1:])):
            label = self._label.get(number)
            if label and label not in EMPTY and label != name.lower():
                found.append(Kind(name=label))
        return found

    def fingerprint(self) -> str:
        return " ".join(sha256(path) for path in self._files)

    def _above(self, entity: int) -> Iterator[int]:
        """Yields what is above an entity, level by level, each once."""
        level, seen = [entity], {entity}
        for _ in range(DEEPEST):
            following: list[int] = []
            for number in level:
                start, end = np.searchsorted(self._entity_S, [number, number + 1])
                following += self._value_S[start:end].tolist()
            level = [number for number in dict.fromkeys(following) if number not in seen]
            seen.update(level)
            yield from level


def _read(path: Path, columns: tuple[str, ...]) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path, columns=list(columns))
        types = {column: pa.string() for column in columns}
        return pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(include_columns=list(columns), column_types=types),
        )
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise WikiClipError(
            f"{path} is no TSV or Parquet file with the columns {', '.join(columns)} ({reason})."
        ) from error


def _last_part(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """What follows the last slash: an id, of which the table may have the address."""
    return pc.replace_substring_regex(pc.utf8_trim_whitespace(texts.cast(pa.string())), r"^.*/", "")


def _numbers(ids: pa.ChunkedArray, path: Path) -> NDArray[np.int64]:
    last = _last_part(ids)
    right = pc.fill_null(pc.match_substring_regex(last, r"^Q[0-9]{1,18}$"), False)
    wrong = pc.invert(right).to_numpy(zero_copy_only=False)
    if wrong.any():
        row = int(wrong.argmax())
        raise WikiClipError(f"{path}, row {row + 1}: an id must be Q and a number, such as Q15083.")
    return np.asarray(pc.utf8_slice_codeunits(last, 1).cast(pa.int64()), dtype=np.int64)
