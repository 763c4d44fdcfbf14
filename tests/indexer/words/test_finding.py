from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from indexer.kb.record import Entity
from indexer.records.catalogue import Catalogue
from indexer.records.table import to_batch, write_table
from indexer.records.titles import write_titles
from indexer.words import finding
from indexer.words.file import Words, write_words
from indexer.words.finding import Page, WordsPlace
from indexer.words.folding import Asked, tokens_of, words_of
from tests.indexer.words.scan import scan, tokens, words

LETTERS = "aAbÉé\u0301ßsi\u0130Σς -'\"*()^:\0が東京都区タワーกรุงเทพ한국हिन्दी\U0001f426\u2764\ufe0f\u200d\u00ad5\uff19"
WORD = st.sampled_from(
    [
        "red",
        "Red",
        "réd",
        "heron",
        "herring",
        "internal",
        "international",
        "intern",
        "a",
        "an",
        "東京",
        "京都",
        "🐦",
        "of",
    ]
)
PHRASE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
TEXT = PHRASE | st.text(LETTERS, max_size=8) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
QUESTION = (
    TEXT | st.text(st.characters(), max_size=5) | st.tuples(PHRASE, st.integers(1, 12)).map(lambda t: t[0][: t[1]])
)


@st.composite
def records(draw: st.DrawFn) -> list[Entity]:
    each = draw(st.lists(st.tuples(TEXT, TEXT | st.just(""), st.lists(TEXT, max_size=2)), min_size=1, max_size=14))
    return [Entity(f"Q{n}", title, text, aliases=tuple(aliases)) for n, (title, text, aliases) in enumerate(each)]


def opened(folder: Path, shards: Sequence[Sequence[Entity]], deleted: Sequence[int] = (), kept: Words = Words.TEXTS):
    folders = []
    for number, entities in enumerate(shards):
        folders.append(folder / f"{number}")
        folders[-1].mkdir()
        write_table([to_batch(entities)], folders[-1])
        write_titles(folders[-1])
        write_words(folders[-1], kept)
    return Catalogue(folders, np.array(sorted(deleted), np.uint32), words=True)


def every(catalogue: Catalogue, question: str, limit: int, **more: object) -> list[tuple[int, int]]:
    """(tier, number) of all pages."""
    found: list[tuple[int, int]] = []
    after: WordsPlace | None = None
    for _ in range(1000):
        page: Page = catalogue.holding(question, limit, after=after, **more)  # type: ignore[arg-type]
        assert len(page.found) <= limit
        found += [(each.tier.value, catalogue.number_of(each.entity.entity_id)) for each in page.found]
        if page.next is None:
            return found
        after = page.next
    raise AssertionError("it does not end")


def told_apart(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The order of the first two tiers, and what is in the others, whose order is another's to test."""
    return [each for each in found if each[0] < 2] + sorted(each for each in found if each[0] > 1)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(records(), st.lists(QUESTION, min_size=1, max_size=6), st.integers(1, 5), st.data())
def test_words_are_found_as_by_a_scan_of_all_records(tmp_path_factory, entities, questions, limit, data):
    cut = data.draw(st.integers(1, len(entities)))
    deleted = data.draw(st.sets(st.integers(0, len(entities) - 1), max_size=2))
    shards = [part for part in (entities[:cut], entities[cut:]) if part]
    catalogue = opened(tmp_path_factory.mktemp("words"), shards, sorted(deleted))
    for question in [*questions, *(entity.title[:5] for entity in entities[:3])]:
        expected = [each for each in scan(entities, question) if each[1] not in deleted]
        found = every(catalogue, question, limit)
        assert told_apart(found) == expected, question
        assert found == every(catalogue, question, 100)


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters()) | st.text(LETTERS) | PHRASE)
@example("\u0301")
@example("ก\u0e33ข")
def test_texts_are_taken_apart_as_character_by_character(text: str):
    assert words_of(text) == words(text)
    assert set(tokens_of(words_of(text))) == tokens(text)


ENTITIES = [
    Entity("city", "New York City", "The largest city of the state.", aliases=("NYC", "The Big Apple")),
    Entity("state", "New York (state)", "A state in the north-east; its largest city is New York City."),
    Entity("york", "York", "A city in England."),
    Entity("new", "Old York and New", ""),
    Entity("dom", "Kölner Dom", "Eine Kirche.", aliases=("Cologne Cathedral",)),
    Entity("tower", "東京スカイツリー", "高さ634メートルの電波塔。"),
    Entity("temple", "วัดพระแก้ว", ""),
    Entity("heart", "I ❤️ NY", ""),
    Entity("o", "Sinéad O\u2019Connor", 'An Irish singer: "Nothing Compares 2 U".'),
]


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        ("new york", ["city", "state", "new"]),
        ("York new", ["city", "state", "new"]),
        ("york", ["york", "city", "state", "new"]),
        ("nyc", ["city"]),
        ("big appl", ["city"]),
        ("koelner", []),
        ("KOLN", ["dom"]),
        ("kölner cathedral", ["dom"]),
        ("largest state", ["state", "city"]),
        ("カイツ", ["tower"]),
        ("電波", ["tower"]),
        ("東", ["tower"]),
        ("พระ", ["temple"]),
        ("❤", ["heart"]),
        ("o'connor sin", ["o"]),
        ('"nothing compares"', ["o"]),
        ("city AND england", []),
        ("york*", ["york", "city", "state", "new"]),
        ("!!!", []),
        ("", []),
    ],
)
def test_what_a_person_looks_for(tmp_path: Path, question: str, ids: list[str]):
    catalogue = opened(tmp_path, [ENTITIES[:4], ENTITIES[4:]])
    assert [each.entity.entity_id for each in catalogue.holding(question, 20).found] == ids


HOSTILE = [
    '"', '""', '"" OR ""', "a\" OR \"b", "NEAR(a b)", "title:a", "{names} : a", "a NOT b", "-a", "^a", "a + b",
    "(" * 500,
    "\0", "a\0b", "'; DROP TABLE names; --", "\ud800", "\ud83d\ude00", "🐦" * 300, "\u0301" * 3000, "*", "a*" * 900,
    " ".join(f"w{n}" for n in range(10_000)), "x" * 100_000, "\u202e\u2066", "%_[]\\", "names MATCH 'a'", "東" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("question", HOSTILE)
def test_a_hostile_question_is_words(tmp_path: Path, question: str):
    catalogue = opened(tmp_path, [[*ENTITIES, Entity("x", "x" * 1000, "a b near names match")]])
    found = every(catalogue, question, 3)
    expected = scan([*ENTITIES, Entity("x", "x" * 1000, "a b near names match")], question[:2000])
    assert told_apart(found) == expected


def test_only_the_beginning_of_a_text_is_kept(tmp_path: Path):
    text = "heron " + "word " * 500 + "egret"
    catalogue = opened(tmp_path, [[Entity("a", "A", text)]])
    assert len(catalogue.holding("heron", 5).found) == 1
    assert len(catalogue.holding("egret", 5).found) == 0


def test_without_texts_titles_and_other_names_are_found(tmp_path: Path):
    catalogue = opened(tmp_path, [ENTITIES], kept=Words.TITLES)
    assert [each.entity.entity_id for each in catalogue.holding("largest", 5).found] == []
    assert [each.entity.entity_id for each in catalogue.holding("apple", 5).found] == ["city"]


def test_a_text_that_speaks_of_it_more_comes_first(tmp_path: Path):
    once = Entity("once", "Aa", "A heron beside much else. " + "Other words. " * 40)
    often = Entity("often", "A longer title", "Heron, heron, heron.")
    catalogue = opened(tmp_path, [[once, often]])
    assert [each.entity.entity_id for each in catalogue.holding("heron", 5).found] == ["often", "once"]


def test_another_name_that_is_what_was_asked_comes_first(tmp_path: Path):
    far = Entity("far", "A", "", aliases=("The old NYC pizza",))
    exact = Entity("exact", "New York City", "", aliases=("Gotham", "NYC"))
    catalogue = opened(tmp_path, [[far, exact]])
    assert [each.entity.entity_id for each in catalogue.holding("nyc", 5).found] == ["exact", "far"]


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_of_what_many_hold_are_short_reads_and_miss_nothing(tmp_path: Path, monkeypatch, limit: int):
    for name, value in (("BLOCK", 16), ("MOST_ROWS", 64), ("MOST_CANDIDATES", 48)):
        monkeypatch.setattr(finding, name, value)
    entities = [
        Entity(
            f"Q{n}",
            ("Heron", "The heron", "Bird")[n % 3] + " x" * (n % 5),
            "heron " * (n % 7),
            aliases=("grey heron",) * (n % 2),
            images=("a.png",) * (n % 10 == 0),
        )
        for n in range(600)
    ]
    catalogue = opened(tmp_path, [entities[:250], entities[250:260], entities[260:]], [5, 6, 251])
    passing = np.arange(600) % 50 == 0
    for question in ("heron", "her", "grey heron", "bird her"):
        living = [each for each in scan(entities, question) if each[1] not in (5, 6, 251)]
        assert told_apart(every(catalogue, question, limit)) == living
        few = [each for each in living if passing[each[1]]]
        assert told_apart(every(catalogue, question, limit, passing_E=passing)) == few
        pictured = [each for each in living if each[1] % 10 == 0]
        assert told_apart(every(catalogue, question, limit, pictured=True)) == pictured


def test_a_question_keeps_no_more_words_than_it_should():
    asked = Asked.of(" ".join(f"w{n}" for n in range(100)))
    assert asked is not None
    assert (len(asked.tokens), asked.start) == (16, None)
    same = Asked.of("red red re")
    assert same is not None
    assert (same.tokens, same.start) == (("red",), None)
