"""Tables to records: what is found, what is lost, and that a build reads all that was written."""

import csv
import datetime
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from indexer.convert.__main__ import app
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity
from wikiclip.base.errors import WikiClipError

TABLE = """\
inventory_number,Name,description,materials,photo,keywords,weight,page
17,Astrolabe,"A brass astrolabe,
made in Louvain.",brass,17.jpg;https://example.org/b.jpg;none.jpg,science; brass ,2.50,https://example.org/17
18,Globe,,paper,,,,ftp://example.org/18
18,Globe,again,,,,,
19,,A thing without a name,,,,,
20,Short
"""


def convert(tmp_path: Path, *arguments: str) -> str:
    found = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "records.jsonl")], catch_exceptions=False)
    assert found.exit_code == 0
    return found.output


def test_records_never_take_the_place_of_what_they_are_made_of(tmp_path: Path):
    table = tmp_path / "things.csv"
    table.write_text(TABLE)
    with pytest.raises(WikiClipError, match=r"things.csv is what is read, .* name another file with --out"):
        CliRunner().invoke(
            app, ["table", str(table), "--out", str(tmp_path / "." / "things.csv")], catch_exceptions=False
        )
    assert table.read_text() == TABLE


def records(tmp_path: Path, images: Path | None = None) -> list[Entity]:
    """All of them: none may be one that a build cannot read."""
    read = list(JsonLines(tmp_path / "records.jsonl", images=images).records())
    entities = [record for record in read if isinstance(record, Entity)]
    assert entities == read
    return entities


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_becomes_records_and_every_loss_is_counted(tmp_path: Path, encoding: str):
    (tmp_path / "things.csv").write_text(TABLE, encoding=encoding)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "17.jpg").touch()
    said = convert(
        tmp_path,
        "table",
        str(tmp_path / "things.csv"),
        "--images",
        str(tmp_path / "photos"),
        "--url",
        "page",
        "--text",
        "description",
        "--text",
        "materials",
        "--language",
        "en",
    )
    first, second = records(tmp_path, tmp_path / "photos")
    assert first == Entity(
        entity_id="17",
        title="Astrolabe",
        text="A brass astrolabe, made in Louvain. brass",
        images=("17.jpg",),
        url="https://example.org/17",
        tags=("science", "brass"),
        lang="en",
        extra=json.dumps({"weight": "2.50", "photo": "none.jpg", "picture_urls": ["https://example.org/b.jpg"]}),
    )
    assert (second.entity_id, second.text, second.url) == ("18", "paper", None)
    assert second.extra == '{"page": "ftp://example.org/18"}'
    assert "records.jsonl: 2 records. What was lost:" in said
    for told in (
        "1 parts left out: a picture is a URL, which is kept in extra: download it first"
        " (first at things.csv:2: 'https://example.org/b.jpg')",
        "1 parts left out: a picture is not in the folder of pictures; its name is kept in extra (first at"
        " things.csv:2: 'none.jpg')",
        "1 parts left out: a url begins with neither http:// nor https://, and is kept in extra (first at things.csv:4:"
        " 'ftp://example.org/18')",
        "1 records left out: the id was given before (first at things.csv:5)",
        "1 records left out: title: String should have at least 1 character (first at things.csv:6)",
        "1 records left out: a row has another number of cells than the header (first at things.csv:7)",
    ):
        assert told in said


@pytest.mark.parametrize(("name", "delimiter"), [("a.tsv", "\t"), ("a.csv", ";"), ("a.csv", "|"), ("a.txt", ",")])
def test_the_delimiter_is_found(tmp_path: Path, name: str, delimiter: str):
    (tmp_path / name).write_text(
        delimiter.join(["id", "title", "text"]) + "\n" + delimiter.join(["a", "b", "c"]) + "\n"
    )
    convert(tmp_path, "table", str(tmp_path / name))
    assert records(tmp_path) == [Entity("a", "b", "c")]


def test_parquets_lists_numbers_and_dates_are_taken_as_they_are(tmp_path: Path):
    columns = {
        "id": [7, 8],
        "title": ["Globe", "Map"],
        "description": ["Round", None],
        "images": [["a.png", "b.png"], None],
        "made": [datetime.date(1572, 1, 2), None],
        "weight": [2.0, float("nan")],
    }
    pq.write_table(pa.table(columns), tmp_path / "things.parquet")
    assert "Nothing was lost" in convert(tmp_path, "table", str(tmp_path / "things.parquet"))
    first, second = records(tmp_path)
    assert first == Entity(
        "7", "Globe", "Round", images=("a.png", "b.png"), extra=json.dumps({"made": "1572-01-02", "weight": 2})
    )
    assert second == Entity("8", "Map", "")


WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.lists(WORD, min_size=5, max_size=5), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t"))
def test_no_row_is_lost_without_a_word(tmp_path_factory, rows, delimiter):
    """Whatever the cells hold, a row becomes a record, or is counted; and a build reads each record."""
    folder = tmp_path_factory.mktemp("table")
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([["id", "title", "text", "images", "shelf"], *rows])
    found = CliRunner().invoke(
        app, ["table", str(folder / "t.csv"), "--out", str(folder / "records.jsonl"), "--delimiter", delimiter]
    )
    if found.exit_code:
        assert isinstance(found.exception, WikiClipError)
        assert "There is no record for" in str(found.exception)
        kept, said = 0, str(found.exception)
    else:
        kept, said = len(records(folder)), found.output
    lost = sum(int(line.split()[0]) for line in said.splitlines() if " records left out: " in line)
    blank = sum(not any(row) for row in rows)
    assert kept + lost == len(rows) - blank


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("a,b\n1,2\n", [], "Which column has the entity_id\\? Name it with --id: a, b"),
        ("id,b\n1,2\n", [], "Which column has the title"),
        ("id,title\n1,2\n", ["--text", "story"], "no column 'story': the table has id, title"),
        ("id,title,id\n1,2,3\n", [], "names the column 'id' twice"),
        ("", [], "no first line that names its columns"),
        ("id,title\n1,\xe9t\xe9\n", [], "not in the encoding utf-8.*--encoding cp1252"),
        ("id,title\n1,2\n", ["--encoding", "klingon"], "not in the encoding klingon"),
        ("id,title\n", [], "There is no record"),
        ("PAR1 and no more", [], "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_converted_is_said_in_a_line(tmp_path: Path, content: str, arguments: list[str], said: str):
    (tmp_path / "t.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(WikiClipError, match=said):
        CliRunner().invoke(
            app,
            ["table", str(tmp_path / "t.csv"), "--out", str(tmp_path / "r.jsonl"), *arguments],
            catch_exceptions=False,
        )
    assert not (tmp_path / "r.jsonl").exists()


def test_a_spreadsheet_and_a_missing_file_are_named(tmp_path: Path):
    (tmp_path / "t.xlsx").touch()
    for name, said in (("t.xlsx", "is a spreadsheet: save it as CSV"), ("none.csv", "no table at")):
        with pytest.raises(WikiClipError, match=said):
            CliRunner().invoke(app, ["table", str(tmp_path / name)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("Inventory number,Object Title,Image file", "entity_id of Inventory number, title of Object Title"),
        ("Inventory No.,Object name,File name", "entity_id of Inventory No., title of Object name"),
        (" ACCESSION-NUMBER ,Title*,Photo", "entity_id of ACCESSION-NUMBER, title of Title*"),
    ],
)
def test_headers_of_museums_are_found_however_they_are_written(tmp_path: Path, header: str, roles: str):
    (tmp_path / "t.csv").write_text(f"{header},Dating\n7,Globe,a.png,1592\n")
    assert roles in convert(tmp_path, "table", str(tmp_path / "t.csv"))
    assert records(tmp_path) == [Entity("7", "Globe", "", images=("a.png",), extra='{"Dating": "1592"}')]


def test_of_two_columns_that_fit_the_likelier_is_taken_and_the_other_told(tmp_path: Path):
    (tmp_path / "t.csv").write_text("Object name,Inventory number,Title,ID\nprint,1900.7,Wave,7\n")
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"))
    (wave,) = records(tmp_path)
    assert (wave.entity_id, wave.title) == ("7", "Wave")
    assert "entity_id is of 'ID', though 'Inventory number' would do, too: --id names another." in said
    assert "title is of 'Title', though 'Object name' would do, too: --title names another." in said


def test_what_becomes_public_is_told_and_may_be_left_out(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,title,Acq. price (€),Standort,Dating\n7,Globe,900,Depot 3,1592\n")
    table = ["table", str(tmp_path / "t.csv")]
    said = convert(tmp_path, *table)
    assert "everybody who may ask sees: 'Acq. price (€)', 'Standort', 'Dating'. --leave-out COLUMN" in said
    said = convert(tmp_path, *table, "--leave-out", "Acq. price (€)", "--leave-out", "Standort")
    assert "everybody who may ask sees: 'Dating'." in said
    assert records(tmp_path)[0].extra == '{"Dating": "1592"}'
    assert "900" not in (tmp_path / "records.jsonl").read_text()
    for arguments, why in (
        (["--leave-out", "standort"], "no column 'standort': the table has id, title, Acq. price"),
        (["--leave-out", "title", "--title", "title"], "'title' is to be left out, and named for something else"),
    ):
        with pytest.raises(WikiClipError, match=why):
            convert(tmp_path, *table, *arguments)


@pytest.mark.parametrize(
    ("start", "arguments"),
    [("sep=;\r\n", []), ('"sep=;"\n', []), ("SEP=;\n", []), ("\ufeffsep=;\n", []), ("sep=,\n", ["--delimiter", ";"])],
)
def test_a_first_line_that_names_the_separator_is_none_of_the_table(tmp_path: Path, start: str, arguments: list[str]):
    (tmp_path / "t.csv").write_text(f"{start}id;title, of it;text\na;b, c, d, e;c\nb\n", newline="")
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"), "--title", "title, of it", *arguments)
    assert records(tmp_path) == [Entity("a", "b, c, d, e", "c")]
    assert "(first at t.csv:4)" in said


def test_each_kind_of_cell_has_its_separator(tmp_path: Path):
    (tmp_path / "t.tsv").write_text("id\ttitle\timages\taliases\ttags\n7\tWave\ta.png|b.png\tU;K, o\tprint, sea\n")
    splits = ["--split", "tags=,", "--split", "|", "--split", "aliases=;"]
    said = convert(tmp_path, "table", str(tmp_path / "t.tsv"), *splits)
    expected = Entity("7", "Wave", "", images=("a.png", "b.png"), aliases=("U", "K, o"), tags=("print", "sea"))
    assert records(tmp_path) == [expected]
    assert "became one" not in said


@pytest.mark.parametrize(
    ("split", "said"),
    [("", "names no separator"), ("tags=", "names no sep"), ("title=,", "only images, aliases, tags")],
)
def test_a_separator_that_is_none_is_refused(tmp_path: Path, split: str, said: str):
    (tmp_path / "t.csv").write_text("id,title\n7,Wave\n")
    with pytest.raises(WikiClipError, match=said):
        convert(tmp_path, "table", str(tmp_path / "t.csv"), "--split", split)


def test_tags_that_were_not_split_are_counted_with_the_option_that_would(tmp_path: Path):
    rows = [["id", "title", "alias", "Keywords"], ["1", "A", "a; b", "painting, Europe"], ["2", "B", "", "x, y"]]
    rows += [[str(number), "C", "Hokusai, K.", "print;sea, wide"] for number in range(3, 13)]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"))
    told = "2 of 12 cells of 'Keywords' hold ',' and became one of the tags each: --split tags=, splits them."
    assert told in said
    assert said.count("became one") == 1
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"), "--split", ",", "--split", "tags=,")
    assert "1 of 11 cells of 'alias' hold ';' and became one" not in said  # too few of them to be meant
    rows[3:] = []
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"), "--split", ",")
    assert "1 of 1 cells of 'alias' hold ';' and became one of the aliases each: --split 'aliases=;' splits" in said
    convert(tmp_path, "table", str(tmp_path / "t.csv"), "--split", ",", "--split", "aliases=;")
    assert (records(tmp_path)[0].aliases, records(tmp_path)[0].tags) == (("a", "b"), ("painting", "Europe"))


def test_a_language_that_is_no_tag_is_kept_and_loses_no_record(tmp_path: Path):
    rows = [
        ["id", "title", "Language"],
        ["1", "A", "de"],
        ["2", "B", "German; Latin"],
        ["3", "C", "Klingon"],
        ["4", "D", ""],
        ["5", "E", "FRANÇAIS"],
    ]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"))
    assert [(one.lang, one.extra) for one in records(tmp_path)] == [
        ("de", None),
        (None, '{"Language": "German; Latin"}'),
        (None, '{"Language": "Klingon"}'),
        (None, None),
        ("fr", None),
    ]
    why = "a language is neither a tag such as de or zh-Hant nor a name that is known, and is kept in extra"
    assert f"2 parts left out: {why}: --language gives those records one (first at t.csv:3: 'German; Latin')" in said
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"), "--language", "it")
    assert [one.lang for one in records(tmp_path)] == ["de", "it", "it", "it", "fr"]
    assert records(tmp_path)[2].extra == '{"Language": "Klingon"}'
    assert "Nothing was lost" in said


@pytest.mark.parametrize("delimiter", [";;", "", '"', "\n", "\\t"])
def test_a_delimiter_that_is_none_is_refused(tmp_path: Path, delimiter: str):
    (tmp_path / "t.csv").write_text("id;title\n7;Wave\n")
    with pytest.raises(WikiClipError, match=r"--delimiter '.*' separates no cells: write one character, such as ';'"):
        convert(tmp_path, "table", str(tmp_path / "t.csv"), "--delimiter", delimiter)


@pytest.mark.parametrize(
    ("written", "mark", "named", "advised"),
    [
        ("utf-16", "", "utf-8", "utf-16"),
        ("utf-16-le", "\ufeff", "cp1252", "utf-16"),
        ("utf-16-be", "\ufeff", "utf-8", "utf-16"),
        ("utf-16-le", "", "utf-8", "utf-16-le"),
        ("utf-16-be", "", "latin-1", "utf-16-be"),
        ("utf-16-le", "", "utf-16", "utf-16-le"),  # which wants a mark
        ("utf-32", "", "utf-8", "utf-32"),
    ],
)
def test_an_encoding_of_wide_characters_is_advised_and_read(
    tmp_path: Path, written: str, mark: str, named: str, advised: str
):
    text = f"{mark}Inventarnummer;Name\r\n7;Weltkarte Čech\r\n"
    (tmp_path / "t.csv").write_bytes(text.encode(written))
    table = ["table", str(tmp_path / "t.csv")]
    with pytest.raises(WikiClipError, match=rf"not in the encoding {named} \(.*\): .* --encoding {advised}\."):
        convert(tmp_path, *table, "--encoding", named)
    convert(tmp_path, *table, "--encoding", advised)
    assert records(tmp_path) == [Entity("7", "Weltkarte Čech", "")]


def test_columns_without_a_name_at_the_end_are_passed_over_where_nothing_is_in_them(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id;title;text;;\n7;Wave;;;\n8;Sea;A print;;  \n")
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"))
    assert records(tmp_path) == [Entity("7", "Wave", ""), Entity("8", "Sea", "A print")]
    assert "Nothing was lost" in said
    assert "extra" not in said
    (tmp_path / "t.csv").write_text("id;title;text;;\n7;Wave;;;\n8;Sea;;;lent\n")
    said = convert(tmp_path, "table", str(tmp_path / "t.csv"))
    assert [one.extra for one in records(tmp_path)] == [None, '{"column 5": "lent"}']
    assert "everybody who may ask sees: 'column 5'." in said
    (tmp_path / "t.csv").write_text("id;;title;;text\n")
    with pytest.raises(WikiClipError, match="names the column '' twice"):
        convert(tmp_path, "table", str(tmp_path / "t.csv"))
