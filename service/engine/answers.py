"""What the linker found, as the service shows it."""

from collections.abc import Sequence
from functools import lru_cache, partial
from urllib.parse import quote

from indexer.kb.record import Entity
from indexer.linker import Found
from indexer.search import Candidate, EntityIndex
from service.routes.pictures import media_type
from service.schemas import CandidateOut, EntityOut, ResultOut

TEXT_LENGTH = 240
REMEMBERED = 100_000


class Answers:
    """Writes candidates and records of an index out.

    Whether a picture can be served takes several looks at the disk, so that is remembered.
    """

    def __init__(self, index: EntityIndex) -> None:
        self._index = index
        # Not a method: an index that another one has followed is let go at once, which a ring of references prevents.
        self._can_serve = lru_cache(maxsize=REMEMBERED)(partial(_can_serve, index))

    def result(self, found: Found) -> ResultOut:
        """What was found for one region."""
        return ResultOut(
            confidence=None if found.confidence is None else round(found.confidence, 4),
            candidates=self.candidates(found.candidates),
        )

    def candidates(self, found: Sequence[Candidate]) -> list[CandidateOut]:
        """Candidates with their ranks, in their order."""
        return [
            CandidateOut(
                rank=rank,
                entity_id=one.entity.entity_id,
                title=one.entity.title,
                text=shorten(one.entity.text),
                score=one.score,
                url=one.entity.url,
                image=next(iter(self._pictures(one.entity, most=1)), None),
                attribution=one.entity.attribution,
            )
            for rank, one in enumerate(found, start=1)
        ]

    def entity(self, entity: Entity) -> EntityOut:
        """A whole record."""
        return EntityOut(
            entity_id=entity.entity_id,
            title=entity.title,
            text=entity.text,
            url=entity.url,
            images=self._pictures(entity),
            attribution=entity.attribution,
        )

    def _pictures(self, entity: Entity, *, most: int | None = None) -> list[str]:
        """URL paths of an entity's first pictures, without those that cannot be served."""
        base = f"/entities/{quote(entity.entity_id, safe='')}/image"
        return [
            base if number == 0 else f"{base}?number={number}"
            for number in range(len(entity.images))[:most]
            if self._can_serve(entity.entity_id, number)
        ]


def _can_serve(index: EntityIndex, entity_id: str, number: int) -> bool:
    path = index.picture_path(entity_id, number)
    try:
        return path is not None and media_type(path) is not None
    except OSError:
        return False


def shorten(text: str) -> str:
    """At most TEXT_LENGTH characters on one line, cut between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= TEXT_LENGTH:
        return line
    head = line[: TEXT_LENGTH - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:") + "…"
