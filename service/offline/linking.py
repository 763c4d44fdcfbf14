"""Linking many mentions without a server: decode ahead on a few threads, encode in batches, add rows."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Any, TypeVar

from indexer.asked import MOST_KEPT, AskedRegions
from indexer.linker import Found, Linker, LinkQuery
from indexer.records.tag_filter import TagFilter
from service.errors import BY_CODE, Cause
from service.offline.mentions import Mention
from service.offline.rows import Rows
from wikiclip.masks import RegionError, expect_declared
from wikiclip.model import PreparedMention
from wikiclip.pictures import PictureError

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, kw_only=True)
class SetOptions:
    """How a set is linked.

    Attributes:
        top_k: candidates for each mention.
        min_score: leaves out candidates that score less.
        tags: which entities are compared; None for all.
        batch: mentions encoded together.
        decoders: threads that decode.
    """

    top_k: int
    min_score: float | None
    batch: int
    decoders: int
    tags: TagFilter | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    mention: Mention
    ready: PreparedMention | None
    error: dict[str, str] | None


def link_all(source: Iterable[Mention], linker: Linker, rows: Rows, options: SetOptions) -> None:
    """Adds a row for each mention that has none. What cannot be read is a row with an `error`, and stops nothing."""
    waiting: list[_Prepared] = []

    def flush() -> None:
        rows.append(_rows(waiting, linker, options))
        waiting.clear()

    with ThreadPoolExecutor(options.decoders, thread_name_prefix="decode") as pool:
        wanted = (one for one in source if rows.claim(one.annotation_id, one.image_id, one.repeat))
        pictures = _by_picture(wanted, most=options.batch)
        for prepared in _ahead(pool, lambda mentions: _prepare(mentions, linker), pictures, depth=options.batch):
            waiting += prepared
            if len(waiting) >= options.batch:
                flush()
    flush()


def _by_picture(mentions: Iterable[Mention], *, most: int) -> Iterator[list[Mention]]:
    """Mentions that follow one another and share a picture, at most so many at once."""
    for _, group in groupby(mentions, key=lambda mention: mention.picture):
        while part := list(islice(group, most)):
            yield part


def _ahead(pool: Executor, work: Callable[[In], Out], items: Iterable[In], *, depth: int) -> Iterator[Out]:
    """Results in order, with `depth` of them in the making while one is used."""
    pending: deque[Future[Out]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > depth:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _prepare(mentions: list[Mention], linker: Linker) -> list[_Prepared]:
    """Decodes a picture once, and cuts out what its mentions name; a bad region spoils only its own row."""
    path, prepared = mentions[0].picture, []
    if path is None:
        return [_Prepared(mention, None, _error(Cause.UNREADABLE_IMAGE, mention.why)) for mention in mentions]
    asked = [AskedRegions([mention.region], linker.model) for mention in mentions]
    try:
        picture = linker.read(path, fit=partial(_fit, asked))
    except PictureError as error:
        return [_Prepared(mention, None, _error(BY_CODE[error.code], str(error))) for mention in mentions]
    for mention, one in zip(mentions, asked, strict=True):
        try:
            width, height = picture.size
            expect_declared(mention.declared, height=height, width=width)
            [ready] = one.cut(picture)
            prepared.append(_Prepared(mention, ready, None))
        except RegionError as error:
            prepared.append(_Prepared(mention, None, _error(BY_CODE[error.code], str(error))))
    return prepared


def _fit(asked: Sequence[AskedRegions], width: int, height: int) -> float:
    """How small all of them let a picture be; a bad region lets it be as small as the others do."""
    if width * height * len(asked) > MOST_KEPT:
        return 1.0
    fits = []
    for one in asked:
        with suppress(RegionError):
            fits.append(one.fit(width, height))
    return min(fits, default=1.0)


def _rows(waiting: list[_Prepared], linker: Linker, options: SetOptions) -> list[dict[str, Any]]:
    ready = tuple(one.ready for one in waiting if one.ready is not None)
    query = LinkQuery(ready, options.top_k, options.min_score, options.tags)
    found = iter(linker.answer(query) if ready else ())
    return [
        {
            "annotation_id": one.mention.annotation_id,
            "image_id": one.mention.image_id,
            **({"repeat": one.mention.repeat} if one.mention.repeat else {}),
            **({"region": one.mention.region} if one.mention.is_told else {}),
            **({"error": one.error} if one.ready is None else _shown(next(found)) | {"asked": one.mention.asked()}),
        }
        for one in waiting
    ]


def _shown(found: Found) -> dict[str, Any]:
    return {
        "confidence": None if found.confidence is None else round(found.confidence, 4),
        "candidates": [
            {"entity_id": one.entity.entity_id, "title": one.entity.title, "score": round(one.score, 6)}
            for one in found.candidates
        ],
    }


def _error(cause: Cause, detail: str) -> dict[str, str]:
    return {"type": cause.type, "detail": detail}
