"""Where a list of entities goes on: a place in the order of titles, as a word that callers hand back as it is."""

import base64
import binascii
import json

from indexer.kb.record import Entity
from indexer.records.catalogue import Place
from service.errors import Cause, Problem

TITLE_LENGTH = 200  # characters of a title; only where the entity is gone are they all there is to go by


def cursor_of(entity: Entity) -> str:
    """The place of an entity."""
    place = json.dumps([entity.title[:TITLE_LENGTH], entity.entity_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """The inverse of `cursor_of`. Raises Problem where a word is none that it made."""
    try:
        match json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)):
            case [str(title), str(entity_id)]:
                return Place(title, entity_id)
    except (binascii.Error, ValueError, RecursionError):
        pass
    raise Problem(Cause.INVALID_REQUEST, "`after` is not what an answer told as `next`.")
