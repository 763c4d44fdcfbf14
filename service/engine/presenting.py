"""What the engine found, as the service shows it: candidates and records, outlines, explanations."""

import json
from collections.abc import Sequence
from functools import lru_cache, partial
from urllib.parse import quote

import numpy as np

from indexer.kb.record import Entity
from indexer.linker import Found
from indexer.records.records import Candidate, Records
from indexer.words.finding import FoundEntity
from indexer.words.marks import marked
from service.schemas import (
    CandidateOut,
    EntityOut,
    EntityPictureOut,
    ExplanationOut,
    FoundEntityOut,
    FoundIn,
    MentionOut,
    RegionOut,
    ResultOut,
    WordOut,
)
from wikiclip.explanation import Grid, Pair, explain
from wikiclip.masks import Mask, bounds, encode_rle
from wikiclip.mentions.mention import Square
from wikiclip.model import WikiClip
from wikiclip.picture_files.reading import media_type
from wikiclip.pictures import Picture
from wikiclip.segmenters import Prompt, Segmenter

TEXT_LENGTH = 240
LISTED_LENGTH = 2_000  # characters of a text, where a list shows whole records
REMEMBERED = 100_000


class Presenter:
    """Shows candidates and records of an index.

    Whether a picture can be served takes several looks at the disk, so that is remembered.
    """

    def __init__(self, index: Records) -> None:
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

    def listed(self, entity: Entity) -> EntityOut:
        """A record of a list: of a long text the beginning."""
        long = len(entity.text) > LISTED_LENGTH
        return self.entity(entity._replace(text=f"{entity.text[: LISTED_LENGTH - 1]}…") if long else entity)

    def found(self, found: FoundEntity, question: str) -> FoundEntityOut:
        """A record that was found by words, as a list shows it, and where they are."""
        places = [FoundIn(where=each.where, pieces=each.pieces) for each in marked(found, question)]
        return FoundEntityOut(**dict(self.listed(found.entity)), found=places)

    def entity(self, entity: Entity) -> EntityOut:
        """A whole record."""
        return EntityOut(
            entity_id=entity.entity_id,
            title=entity.title,
            text=entity.text,
            url=entity.url,
            images=self._pictures(entity),
            attribution=entity.attribution,
            aliases=list(entity.aliases),
            tags=list(entity.tags),
            lang=entity.lang,
            extra=None if entity.extra is None else json.loads(entity.extra),
        )

    def _pictures(self, entity: Entity, *, most: int | None = None) -> list[str]:
        """URL paths of an entity's first pictures, without those that cannot be served."""
        base = f"/entities/{quote(entity.entity_id, safe='')}/image"
        return [
            base if number == 0 else f"{base}?number={number}"
            for number in range(len(entity.images))[:most]
            if self._can_serve(entity.entity_id, number)
        ]


def _can_serve(index: Records, entity_id: str, number: int) -> bool:
    path = index.picture_path(entity_id, number)
    return path is not None and media_type(path) is not None


def shorten(text: str) -> str:
    """At most TEXT_LENGTH characters on one line, cut between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= TEXT_LENGTH:
        return line
    head = line[: TEXT_LENGTH - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:") + "…"


def outlined(segmenter: Segmenter, picture: Picture, prompt: Prompt) -> list[RegionOut]:
    """The regions of a picture that the segmenter finds."""
    return [_region(mask) for mask in segmenter.segment(picture.rgb, prompt, size=picture.size)]


def _region(mask: Mask) -> RegionOut:
    left, top, right, bottom = bounds(mask)
    return RegionOut(
        rle=encode_rle(mask),
        box=[left, top, right - left, bottom - top],
        area=round(float(mask.mean()), 6),
    )


def explained(model: WikiClip, pair: Pair, entity: EntityOut) -> ExplanationOut:
    """Encodes a mention and an entity's record again, and tells what made their score."""
    found = explain(model, pair)
    square = pair.entity_square
    picture = None
    if square is not None and found.attention_GG is not None and entity.images:
        picture = EntityPictureOut(
            image=entity.images[0], frame=_frame(square), attention=_numbers(found.attention_GG, 6)
        )
    return ExplanationOut(
        entity=entity,
        score=found.score,
        mention=MentionOut(frame=_frame(pair.mention_square), similarity=_cosines(found.similarity_GG)),
        picture=picture,
        words=[WordOut(word=word, weight=round(weight, 6)) for word, weight in found.words],
    )


def _frame(square: Square) -> list[float]:
    left, top, right, bottom = square
    return [left, top, right - left, bottom - top]


def _numbers(grid: Grid, digits: int) -> list[list[float]]:
    rows: list[list[float]] = grid.round(digits).tolist()
    return rows


def _cosines(grid: Grid) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in _numbers(grid, 4)]
