"""Kinds out of a table of Wikidata's statements and out of WordNet, and the names that are made with them."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from indexer.kb.wordnet.nouns import WORDNET, read_nouns
from training.annotate.references.intension import with_kind
from training.annotate.references.kinds import Kind, SeveralKinds, telling
from training.annotate.references.templates import packaged
from training.annotate.references.wikidata import WikidataKinds
from training.annotate.references.wordnet import WordNetKinds
from wikiclip.base.errors import WikiClipError

STATEMENTS = [
    ("Q15083", "P279", "Q100"),
    ("Q15083", "P31", "Q16521"),  # taxon, which says nothing
    ("Q15083", "P31", "Q101"),
    ("Q100", "P279", "Q102"),
    ("Q102", "P279", "Q100"),  # a circle
    ("Q15083", "P18", "Q9"),  # a picture, and no kind
    ("Q7", "P31", "Q101"),
]
LABELS = [("Q16521", "taxon"), ("Q100", "Even-toed ungulate"), ("Q101", "animal"), ("Q102", "mammal")]


def write_tsv(path, names, rows):
    path.write_text("\n".join("\t".join(row) for row in [names, *rows]) + "\n")
    return path


def write_parquet(path, names, rows):
    pyarrow.parquet.write_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), path)
    return path


@pytest.mark.parametrize(("write", "ending"), [(write_tsv, "tsv"), (write_parquet, "parquet")])
@pytest.mark.parametrize("prefix", ["", "http://www.wikidata.org/entity/"])
def test_the_table_gives_what_an_entity_is_one_of_and_then_a_kind_of(tmp_path, write, ending, prefix):
    rows = [tuple(prefix + part for part in row) for row in STATEMENTS]
    statements = write(tmp_path / f"kinds.{ending}", ("entity", "property", "value"), rows)
    kinds = WikidataKinds(statements, write(tmp_path / f"labels.{ending}", ("entity", "label"), LABELS))
    assert [kind.name for kind in kinds.of("Q15083", "giraffe")] == ["animal", "even-toed ungulate", "mammal"]
    assert [kind.name for kind in kinds.of("Q7", "Animal")] == []  # its own name tells nothing
    assert kinds.of("Q8", "other") == kinds.of(None, "giraffe") == kinds.of("n02439033", "giraffe") == []


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("entity\tproperty\tvalue\nfoo\tP31\tQ1\n", "row 1: an id must be Q and a number"),
        ("entity\tproperty\tvalue\nQ1\tP31\tQ2\nQ3\tP31\t\n", "row 2: an id must be Q and a number"),
        ("entity\tproperty\tvalue\nQ1\tP18\tQ1\n", "holds no statement of P31 or P279"),
        ("entity\tvalue\nQ1\tQ2\n", "is no TSV or Parquet file with the columns entity, property, value"),
        ("", "is no TSV or Parquet file"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, statements, message):
    (tmp_path / "kinds.tsv").write_text(statements)
    labels = write_tsv(tmp_path / "labels.tsv", ("entity", "label"), LABELS)
    with pytest.raises(WikiClipError, match=message):
        WikidataKinds(tmp_path / "kinds.tsv", labels)
    with pytest.raises(WikiClipError, match="is no TSV or Parquet file"):
        WikidataKinds(tmp_path / "none.tsv", labels)


@pytest.fixture(scope="module")
def wordnet(stamps_data):
    return WordNetKinds(read_nouns(stamps_data / WORDNET))


@pytest.mark.parametrize(
    ("entity_id", "name", "words"),
    [
        (None, "giraffe", "giraffe, a kind of mammal"),
        ("n02439033", "giraffe", "giraffe, a kind of mammal"),
        ("Q15083", "giraffe", "giraffe, a kind of mammal"),
        (None, "Komodo dragon", "Komodo dragon, a kind of reptile"),
        (None, "Mercury (planet)", None),  # its name says that it is a planet
        (None, "orange", "orange, a kind of edible fruit"),
        (None, "guitar", "guitar, a kind of musical instrument"),
        (None, "goldfish", None),  # its name says that it is a fish
        (None, "John Green", None),  # no vegetable
        (None, "qwertz", None),
    ],
)
def test_a_name_is_told_with_the_everyday_word_for_what_it_is(wordnet, entity_id, name, words):
    assert with_kind(name, wordnet.of(entity_id, name), packaged()) == words


def test_an_earlier_source_goes_first_and_says_each_kind_once():
    class Source:
        def __init__(self, *kinds):
            self.kinds = kinds

        def of(self, entity_id, name):
            return list(self.kinds)

        def fingerprint(self):
            return str(len(self.kinds))

    plain, everyday = Kind(name="ruminant"), Kind(name="mammal", everyday=True)
    several = SeveralKinds([Source(plain), Source(everyday, Kind(name="ruminant"))])
    assert several.of(None, "giraffe") == [plain, everyday]
    assert several.fingerprint() == "1 2"
    assert telling([plain, everyday]) == everyday
    assert telling([plain]) == plain
    assert telling([]) is None
