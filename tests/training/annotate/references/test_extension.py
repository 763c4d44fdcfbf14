"""Questions against the phrases that a person finds in them."""

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.annotate.references.extension import LONGEST, phrase_of
from training.annotate.references.templates import packaged

PHRASES = tomllib.loads(Path(__file__).with_name("questions.toml").read_text())["phrases"]


@pytest.mark.parametrize(("question", "phrase"), PHRASES.items())
def test_a_question_holds_the_phrase_that_a_person_finds(question, phrase):
    assert phrase_of(question, packaged()) == (phrase or None)


def test_every_rule_is_needed_by_a_question():
    """A rule that no question of the table reaches is not tested by it."""
    reached = set()
    for question in PHRASES:
        for left_out in packaged().rules:
            rules = tuple(rule for rule in packaged().rules if rule is not left_out)
            if phrase_of(question, _with(rules)) != phrase_of(question, packaged()):
                reached.add(left_out.name)
    assert {rule.name for rule in packaged().rules} - reached == set()


def _with(rules):
    return dataclasses.replace(packaged(), rules=rules)


@given(st.text(max_size=300))
def test_any_text_is_read_quickly_and_without_an_error(text):
    phrase = phrase_of(text, packaged())
    assert phrase is None or phrase


@pytest.mark.timeout(5)
@pytest.mark.parametrize("start", ["what kind of ", "what is the ", "which ", "what "])
def test_no_question_keeps_a_pattern_busy(start):
    for word in ("a ", "is ", "of ", "-", "one ", "in the picture ", "this "):
        phrase_of((start + word * LONGEST)[:LONGEST], packaged())


def test_a_story_is_no_question():
    assert phrase_of("What is the cat " + "on the mat " * 30 + "?", packaged()) is None
