"""A cell says a language by its tag or by its name."""

import tomllib

import pytest

from indexer.convert.spoken import NAMES, TAG, language_names, language_tag
from indexer.convert.usual import usual_headers
from indexer.records.titles import fold


@pytest.mark.parametrize(
    ("cell", "tag"),
    [
        ("de", "de"),
        ("zh-Hant", "zh-Hant"),
        ("deu", "deu"),
        ("Deutsch", "de"),
        ("GERMAN", "de"),
        ("français", "fr"),
        ("Francais", "fr"),
        ("Englisch", "en"),
        ("Español", "es"),
        ("РУССКИЙ", "ru"),
        ("日本語", "ja"),
        ("German; Latin", None),
        ("Klingon", None),
        ("", None),
    ],
)
def test_a_cell_s_language(cell: str, tag: str | None) -> None:
    assert language_tag(cell) == tag


def test_each_name_is_of_one_language_and_none_is_a_tag() -> None:
    names = tomllib.loads(NAMES.read_text(encoding="utf-8"))
    assert {(fold(name), tag) for tag, of in names.items() for name in of} == {*language_names().items()}
    assert not any(map(TAG.fullmatch, language_names()))
    assert all(TAG.fullmatch(tag) for tag in names)
    assert {*usual_headers()["title"]} <= {*names}
