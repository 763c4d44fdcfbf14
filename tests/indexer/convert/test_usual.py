"""Columns are found by the names that they usually have, in several languages."""

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from indexer.convert.__main__ import app
from indexer.convert.usual import FIRST, fitting, plain, usual_headers
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity
from wikiclip.base.errors import WikiClipError

CASES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "data" / "headers.toml").read_text(encoding="utf-8"))
KEYS = tuple(usual_headers())


def convert(folder: Path, header: list[str], cells: list[str], *arguments: str) -> tuple[Entity, str]:
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, cells])
    said = CliRunner().invoke(
        app, ["table", str(folder / "t.csv"), "--out", str(folder / "r.jsonl"), *arguments], catch_exceptions=False
    )
    (record,) = JsonLines(folder / "r.jsonl", images=None).records()
    assert isinstance(record, Entity)
    return record, said.output


@pytest.mark.parametrize("table", CASES["table"], ids=lambda table: table["header"][0])
@pytest.mark.parametrize("case", [str, str.upper, str.lower])
def test_headers_are_found_in_the_language_of_the_table(table: dict[str, Any], case: Any, tmp_path: Path) -> None:
    header = [case(name) for name in table["header"]]
    held = {"images": "it.png", "lang": "de", "url": "https://example.org/7"}
    expected = {key: held.get(key, f"{key} of it") for key in KEYS if key in table}
    columns = {case(table[key]): value for key, value in expected.items()}
    record, said = convert(tmp_path, header, [columns.get(name, "other") for name in header])
    for key, value in expected.items():
        told = getattr(record, key)
        assert (list(told) if isinstance(told, tuple) else told) == ([value] if isinstance(told, tuple) else value)
        assert f"{key} of {case(table[key])}" in said
    others = [name for name in header if name not in columns]
    assert json.loads(record.extra or "{}") == dict.fromkeys(others, "other")


@pytest.mark.parametrize("table", CASES["ambiguous"], ids=lambda table: table["why"][:40])
def test_what_two_languages_name_is_asked_for(table: dict[str, Any], tmp_path: Path) -> None:
    cells = [str(number) for number in range(len(table["header"]))]
    with pytest.raises(WikiClipError) as refused:
        convert(tmp_path, table["header"], cells)
    assert str(refused.value) == table["why"]
    convert(tmp_path, table["header"], cells, *table["named"])


def test_a_header_is_of_one_role_in_all_languages() -> None:
    roles: dict[str, str] = {}
    for key, languages in usual_headers().items():
        for words in languages.values():
            assert all(words)
            assert {roles.setdefault(word, key) for word in words} == {key}
    assert {*KEYS} <= {*Entity._fields}
    assert all(languages.keys() == usual_headers()["title"].keys() for languages in usual_headers().values())


def test_case_accents_and_what_stands_between_letters_do_not_count() -> None:
    assert plain("  Légende (FR) / n°2 ") == plain("LE\u0301GENDE fr n 2") == "legendefrn2"
    assert plain("§ - ?") == ""


@given(
    st.lists(st.sampled_from(sorted({word for of in usual_headers()["title"].values() for word in of})), unique=True)
)
def test_one_language_s_words_are_ranked_and_english_goes_before_the_others(header: list[str]) -> None:
    words = usual_headers()["title"]
    ordered, is_plain = fitting("title", header)
    assert sorted(ordered) == sorted(header)
    one = [language for language, of in words.items() if {*header} <= {*of}]
    if header:
        assert is_plain == bool(one or {*header} & {*words[FIRST]})
    if is_plain and header:
        of = words[one[0]] if one and FIRST not in one else words[FIRST]
        if len(one) <= 1 or FIRST in one:
            assert ordered[0] == min((name for name in header if name in of), key=of.index)


def test_a_column_of_descriptions_or_pictures_that_was_not_found_is_told(tmp_path: Path) -> None:
    no_text = "No column of descriptions was found: name it with --text."
    no_pictures = "No column of pictures was found: name it with --image."
    header, cells = ["Inv.-Nr.", "Name", "Bemerkung", "Vorlage"], ["7", "Globus", "teuer gekauft", "7.png"]
    record, said = convert(tmp_path, header, cells)
    assert no_text in said
    assert no_pictures not in said  # none were asked for
    assert record.text == ""
    assert "everybody who may ask sees: 'Bemerkung', 'Vorlage'." in said
    (tmp_path / "7.png").touch()
    _, said = convert(tmp_path, header, cells, "--images", str(tmp_path))
    assert no_pictures in said
    asked = ["--images", str(tmp_path), "--text", "Bemerkung", "--image", "Vorlage"]
    record, said = convert(tmp_path, header, cells, *asked)
    assert (record.text, record.images) == ("teuer gekauft", ("7.png",))
    assert "was found" not in said
