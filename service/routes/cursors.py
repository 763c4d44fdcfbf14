"""Where a list goes on: a place in its order, such as that of titles or the ranks of what was found by words, as a word
that callers hand back as it is."""

import base64
import binascii
import json
from collections.abc import Sequence

from indexer.kb.record import Entity
from indexer.records.catalogue import Place
from indexer.words.finding import WordsPlace
from service.errors import Cause, Problem

TITLE_LENGTH = 200  # characters of a title; only where the entity is gone are they all there is to go by


def cursor_of(entity: Entity) -> str:
    """The place of an entity."""
    return packed([entity.title[:TITLE_LENGTH], entity.entity_id])


def place_of(cursor: str) -> Place:
    """The inverse of `cursor_of`. Raises Problem where a word is none that it made."""
    match unpacked(cursor):
        case [str(title), str(entity_id)]:
            return Place(title, entity_id)
    raise no_cursor()


def cursor_of_words(place: WordsPlace) -> str:
    """A place among what was found by words."""
    return packed(place)


def place_of_words(cursor: str) -> WordsPlace:
    """The inverse of `cursor_of_words`. Raises Problem where a word is none that it made."""
    match unpacked(cursor):
        case [int(), int(), int(), int()] as numbers:
            place = WordsPlace(*numbers)
            if place.is_possible:
                return place
    raise no_cursor()


def no_cursor() -> Problem:
    """What is said of a word that no answer told."""
    return Problem(Cause.INVALID_REQUEST, "`after` is not what an answer told as `next`.")


def packed(place: Sequence[str | int]) -> str:
    """A place as a word."""
    told = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def unpacked(word: str) -> object:
    """The inverse of `packed`; None where the word is none that it made."""
    try:
        return json.loads(base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
