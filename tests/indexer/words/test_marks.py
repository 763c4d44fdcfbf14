import pytest
from hypothesis import given, settings

from indexer.kb.record import Entity
from indexer.words.file import TEXT_LENGTH
from indexer.words.finding import FoundEntity
from indexer.words.folding import Asked
from indexer.words.marks import SHOWN, in_pieces, marked
from indexer.words.ranking import tier_of
from tests.indexer.words.test_finding import QUESTION, TEXT, records


def asked(question: str) -> Asked:
    found = Asked.of(question)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "question", "pieces"),
    [
        ("Kölner Dom", "koln", ["", "Köln", "er Dom"]),
        ("Kölner Dom", "köl", ["", "Köl", "ner Dom"]),
        ("Ko\u0308lner Dom", "kol dom", ["Ko\u0308lner ", "Dom"]),
        ("Ko\u0308lner Dom", "dom kol", ["", "Ko\u0308l", "ner ", "Dom"]),
        ("The Straße", "STRASSE", ["The ", "Straße"]),
        ("東京スカイツリー", "カイツ", ["東京ス", "カイツ", "リー"]),
        ("I ❤️ NY", "❤", ["I ", "❤", "️ NY"]),
        ("red heron, red", "red heron", ["", "red", " ", "heron", ", ", "red"]),
        ("", "red", [""]),
    ],
)
def test_what_was_asked_for_is_told_apart(text: str, question: str, pieces: list[str]):
    assert in_pieces(text, asked(question)) == pieces


@settings(deadline=None, max_examples=300)
@given(TEXT, QUESTION)
def test_pieces_are_the_whole_text(text: str, question: str):
    found = Asked.of(question)
    if found is not None:
        pieces = in_pieces(text, found)
        assert "".join(pieces) == text
        assert all(pieces[1:])


@settings(deadline=None, max_examples=200)
@given(records(), QUESTION)
def test_what_is_found_shows_why(entities: list[Entity], question: str):
    found = Asked.of(question)
    for entity in entities:
        tier = None if found is None else tier_of(entity, found)
        if tier is not None:
            assert marked(FoundEntity(entity, tier), question)


def test_of_a_long_text_the_part_is_shown_that_holds_the_words():
    text = "The heron is far away. " * 20 + "Here a grey heron stands in a lake, among reeds. " + "More words. " * 40
    entity = Entity("a", "Bird", text)
    found = asked("heron lake grey")
    tier = tier_of(entity, found)
    assert tier is not None
    (place,) = marked(FoundEntity(entity, tier), "heron lake grey")
    shown = "".join(place.pieces)
    assert place.where == "text"
    assert {"grey", "lake"} < set(place.pieces[1::2])
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert shown.strip("…") in text
    assert len(shown) <= SHOWN + 2


def test_a_text_beyond_its_beginning_is_not_marked():
    text = "word " * (TEXT_LENGTH // 5) + "egret"
    assert tier_of(Entity("a", "Bird", text), asked("egret")) is None
