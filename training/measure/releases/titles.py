"""Entities by a name that a system generated: BM25 over all titles, as OVEN and PL-VEL map names to entities.

Words are what stands between signs that are neither letters nor digits, without case and accents.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import tantivy
from tqdm import tqdm

from indexer.records.table import EntityTable
from indexer.records.titles import fold
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.files import appearing_folder
from wikiclip.base.locks import locked
from wikiclip.base.paths import features_home

TITLES_VERSION = 1  # counts up with each change to how a title is read
TITLE, ROW, READ_AS = "title", "row", "words"
HEAP_BYTES = 128 * 2**20  # that the writer may fill before it writes
TIES = 4  # times as many as asked for are looked at, so that the first of those that score alike is always the same
COUNT = "count.json"


class TitleIndex:
    """Titles of a knowledge base, searched by their words. Safe on any thread.

    Raises:
        WikiClipError: the folder holds no such index.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._index = tantivy.Index.open(str(folder / TITLE))
            self._searcher = self._index.searcher()
            count = json.loads((folder / COUNT).read_text())
        except (ValueError, OSError) as error:
            raise WikiClipError(f"{folder} cannot be read ({first_line(error)}); remove it.") from error
        if self._searcher.num_docs != count:
            raise WikiClipError(f"{folder} was changed; remove it, and it is made again.")
        self._schema, self._analyzer = _schema(), _analyzer()

    def best(self, name: str, k: int) -> list[int]:
        """Rows of the `k` entities whose titles suit a name best, the best first; fewer where fewer share a word."""
        words = self._analyzer.analyze(fold(name))
        terms = [tantivy.Query.term_query(self._schema, TITLE, word) for word in words]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
        hits = self._searcher.search(query, k * TIES, count=False).hits
        rows = [(-score, int(self._searcher.doc(address)[ROW][0])) for score, address in hits]
        return [row for _, row in sorted(rows)[:k]]


def open_titles(entities: EntityTable, fingerprint: str) -> TitleIndex:
    """The index of all titles; made once, with a progress bar, and kept. A second process waits for the first.

    Args:
        fingerprint: of the knowledge base that the entities are of.
    """
    folder = features_home() / f"titles-{TITLES_VERSION}-{fingerprint[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f".{folder.name}.lock")):
        if folder.is_dir():
            try:
                return TitleIndex(folder)
            except WikiClipError:  # damaged, or kept by another version of the library
                shutil.rmtree(folder)
        with appearing_folder(folder) as partial:
            _write(entities, partial)
        return TitleIndex(folder)


def ranked_rows(index: TitleIndex, names: Sequence[str], k: int) -> list[list[int]]:
    """The rows of each name; names that come often are looked up once."""
    found = {name: index.best(name, k) for name in tqdm(sorted(set(names)), desc="Names to entities", unit=" names")}
    return [found[name] for name in names]


def _write(entities: EntityTable, folder: Path) -> None:
    (folder / TITLE).mkdir()
    index = tantivy.Index(_schema(), path=str(folder / TITLE))
    index.register_tokenizer(READ_AS, _analyzer())
    writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
    for row in tqdm(range(len(entities)), desc="Titles", unit=" entities", unit_scale=True):
        writer.add_document(tantivy.Document(**{TITLE: fold(entities[row].title), ROW: row}))
    writer.commit()
    writer.wait_merging_threads()
    (folder / COUNT).write_text(json.dumps(len(entities)))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(TITLE, tokenizer_name=READ_AS, index_option="freq")
    builder.add_integer_field(ROW, stored=True)
    return builder.build()


def _analyzer() -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).build()
