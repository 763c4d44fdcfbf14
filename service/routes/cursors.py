"""Where a list of entities goes on: a place in the order of titles, or in the ranks of what was found by words, as a
word that callers hand back as it is."""

import base64
import binascii
import json
from typing import Any

from indexer.kb.record import Entity
from indexer.records.catalogue import Place
from indexer.words.finding import WordsPlace
from service.errors import Cause, Problem

TITLE_LENGTH = 200  # characters of a title; only where the entity is gone are they all there is to go by


def cursor_of(entity: Entity) -> str:
    """The place of an entity."""
    return _word([entity.title[:TITLE_LENGTH], entity.entity_id])


def place_of(cursor: str) -> Place:
    """The inverse of `cursor_of`. Raises Problem where a word is none that it made."""
    match _told(cursor):
        case [str(title), str(entity_id)]:
            return Place(title, entity_id)
    raise _no_cursor()


def cursor_of_words(place: WordsPlace) -> str:
    """A place among what was found by words."""
    return _word(list(place))


def place_of_words(cursor: str) -> WordsPlace:
    """The inverse of `cursor_of_words`. Raises Problem where a word is none that it made."""
    match _told(cursor):
        case [int(), int(), int(), int()] as numbers:
            place = WordsPlace(*numbers)
            if place.is_possible:
                return place
    raise _no_cursor()


def _word(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def _told(cursor: str) -> object:
    try:
        told: object = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return told


def _no_cursor() -> Problem:
    return Problem(Cause.INVALID_REQUEST, "`after` is not what an answer told as `next`.")
