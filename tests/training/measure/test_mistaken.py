"""What labels show of the records."""

from indexer.kb.record import Entity
from indexer.search import Candidate
from training.measure.mistaken import lines


def answers(*firsts: str) -> list[list[Candidate]]:
    return [[Candidate(Entity(entity_id=one, title=one.title(), text=""), 0.5)] for one in firsts]


def test_nothing_is_said_where_nothing_stands_out() -> None:
    assert list(lines(answers("a", "b", "c"), ["a", "b", "d"])) == []
    assert list(lines([], [])) == []


def test_a_record_that_is_answered_for_many_things_is_told_of() -> None:
    said = list(lines(answers(*["board"] * 6, "x"), ["a", "b", "c", "d", "e", "f", "x"]))
    assert said == ["“Board” ('board') is first in 6 of 6 wrong answers, about 6 other things: look at its picture."]


def test_two_that_are_taken_for_one_another_and_what_is_never_found() -> None:
    said = list(lines(answers("b", "b", "a", "c"), ["a", "a", "a", "c"]))
    assert said == ["'a' is taken for “B” ('b') in 2 labels."]
    said = list(lines(answers("b", "c", "c"), ["a", "a", "c"]))
    assert said == ["Never first, in 2 labels or more: 'a'. Another picture in the record helps most."]
