"""The paths that change records: what is asked is kept, answered with a job, and applied beside the serving."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.routing import Match
from starlette.types import Scope

from service.changes.journal import Full, Journal, NoSpace
from service.changes.pictures import Incoming, expect_picture
from service.errors import BY_CODE, Cause, Problem
from service.http.bodies import JSON, JSON_LINES, MULTIPART, Bodies, ContentType, content_type
from service.http.turns import Deadline, Turns
from service.routes.dependencies import awaited
from service.routes.entities import EntityRoute, RecordId, path_as_sent
from service.routes.jobs import shown
from service.routes.openapi import documented
from service.routes.parsing import parts_of
from service.routes.records import MOST_PICTURES, Draft, lines_put, record_put, removal
from service.schemas import JobOut
from service.settings import Settings
from wikiclip.base.locks import Held
from wikiclip.pictures import PictureError

logger = logging.getLogger(__name__)


class RecordRoute(EntityRoute):
    """A route to a record itself: what only shows more of one, as its picture does, is not changed by itself."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As an entity's route does; never where the path, as it was sent, goes on behind an id."""
        folder, _, rest = path_as_sent(scope).removeprefix("/").partition("/")
        if folder == "entities" and rest.endswith(BELOW):
            return Match.NONE, {}
        return super().matches(scope)


BELOW = ("/image", "/neighbours")
SMALL_BYTES = 2**16  # of a body that takes no time to look at
router = APIRouter(route_class=RecordRoute)

_RECORD = {
    "type": "object",
    "description": "A record as a line of JSON lines has it; an unknown key goes to `extra`.",
    "properties": {
        "entity_id": {"type": "string", "description": "That of the path, where it is given."},
        "title": {"type": "string", "minLength": 1},
        "text": {"type": "string"},
        "images": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "Which of its pictures a record keeps, as GET gives them; all where it is absent and no"
            " picture is sent.",
        },
        "url": {"type": ["string", "null"]},
        "attribution": {"type": ["string", "null"]},
        "aliases": {"type": "array", "items": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "lang": {"type": ["string", "null"]},
        "extra": {"type": ["object", "null"]},
    },
    "required": ["title", "text"],
}
_EXAMPLE = {"title": "Bittern", "text": "A bird that booms in the reeds.", "tags": ["birds"]}
PUT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {"schema": _RECORD, "examples": {"a record": {"value": _EXAMPLE}}},
        MULTIPART: {
            "schema": {
                "type": "object",
                "properties": {
                    "record": _RECORD,
                    "image": {
                        "type": "array",
                        "maxItems": MOST_PICTURES,
                        "items": {"type": "string", "format": "binary"},
                    },
                },
                "required": ["record"],
                "additionalProperties": False,
            },
            "encoding": {"record": {"contentType": JSON}},
        },
    },
}
LINES_BODY: dict[str, Any] = {
    "required": True,
    "content": {JSON_LINES: {"schema": {"type": "string", "description": "A record a line, each with its entity_id."}}},
}
OF_BODIES = (
    Cause.MALFORMED_JSON,
    Cause.UNSUPPORTED_MEDIA_TYPE,
    Cause.BODY_TOO_LARGE,
    Cause.BODY_TOO_SLOW,
)
OF_PICTURES = (
    Cause.MALFORMED_MULTIPART,
    Cause.EMPTY_IMAGE,
    Cause.UNSUPPORTED_IMAGE,
    Cause.MALFORMED_IMAGE,
    Cause.IMAGE_TOO_LARGE,
)
ALWAYS = (
    Cause.FORBIDDEN,
    Cause.CHANGES_OFF,
    Cause.FOREIGN_ORIGIN,
    Cause.INVALID_REQUEST,
    Cause.CONNECTION_CLOSED,
    Cause.DEADLINE,
    Cause.NO_ROOM,
)
ACCEPTED: dict[str, Any] = {
    "status_code": 202,
    "response_description": "It is kept, and will be applied; `Location` has the job.",
    "response_model": JobOut,
}


Make = Callable[[Deadline], Draft]


class Receiver:
    """Takes changes in: what they hold is looked at on other threads, of large ones one at a time, since it takes
    memory and the interpreter's lock. Small ones wait for none of those.

    Args:
        settings: the service's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.journal = Journal(settings.index)
        self._small, self._large, self._keeping = Turns(), Turns(), Turns()

    async def accepted(self, make: Make, size: int, expect_awaited: Callable[[], None]) -> JobOut:
        """Keeps the change that `make` reads, and tells its job once it is on the disk.

        Args:
            make: takes long for a large one; runs on another thread.
            size: bytes of what was sent.
            expect_awaited: raises Problem where the caller is gone; for any thread.

        Raises:
            Problem: nothing is kept, such as where it would be only after the deadline, or for nobody.
        """
        if self._settings.pull_from:
            raise Problem(Cause.CHANGES_OFF, "The index is pulled (WIKICLIP_PULL_FROM): change it where it is made.")
        deadline = Deadline(self._settings.deadline_s)
        async with (self._small if size <= SMALL_BYTES else self._large).taken(deadline):
            expect_awaited()
            draft = await asyncio.to_thread(self._read, make, size, deadline)
            deadline.expect_time()
        async with self._keeping.taken(deadline):
            expect_awaited()
            return await asyncio.to_thread(self._accept, draft, deadline, expect_awaited)

    def _read(self, make: Make, size: int, deadline: Deadline) -> Draft:
        with self._refusing(deadline):
            self.journal.expect_space(2 * size, free=self._settings.free_bytes)
            self.journal.expect_room(self._settings.changes_waiting)
        draft = make(deadline)
        for picture in draft.pictures:
            deadline.expect_time()
            try:
                expect_picture(picture, self._settings.picture_limits)
            except PictureError as error:
                raise Problem(BY_CODE[error.code], str(error)) from None
        return draft

    def _accept(self, draft: Draft, deadline: Deadline, expect_awaited: Callable[[], None]) -> JobOut:
        receiving = self.journal.receiving(until=deadline.until) if draft.pictures else nullcontext()
        with self._refusing(deadline), receiving, Incoming(self.journal.pictures) as pictures:
            expect_awaited()
            job_id = self.journal.accept(
                draft.change,
                most=self._settings.changes_waiting,
                until=deadline.until,
                expect=expect_awaited,
                complete=lambda _: draft.with_pictures([pictures.add(each) for each in draft.pictures]),
                keep=pictures.keep,
            )
            return shown(job_id, draft.change.head)

    @contextmanager
    def _refusing(self, deadline: Deadline) -> Iterator[None]:
        try:
            yield
        except Held:
            raise deadline.problem() from None
        except Full:
            raise Problem(
                Cause.BUSY,
                f"As many changes wait as may, which is {self._settings.changes_waiting:,}; try again in a while.",
                headers={"Retry-After": "5"},
            ) from None
        except NoSpace:
            raise Problem(
                Cause.NO_ROOM, "The disk of the index would have less left than WIKICLIP_FREE_BYTES."
            ) from None
        except OSError as error:
            logger.error("A change cannot be kept: %s", error)
            raise Problem(Cause.NO_ROOM, "The index's folder cannot be written; the server's log says why.") from None


@router.put(
    "/entities/{entity_id:path}",
    responses=documented(*ALWAYS, *OF_BODIES, *OF_PICTURES),
    openapi_extra={"requestBody": PUT_BODY},
    summary="Put a record: a new one, or in place of the one of its id",
    **ACCEPTED,
)
async def put(entity_id: RecordId, request: Request, response: Response) -> JobOut:
    """As JSON, or as multipart with `record` (JSON) and up to 64 parts `image` (files).

    The whole record is put; only its pictures stay as they are where neither `images` nor a picture says otherwise. It
    can be found once its job is done and the service has taken the index version over, a few seconds later. Asks for
    an admin's key.
    """
    kind = content_type(request.headers)
    bodies: Bodies = request.app.state.bodies
    async with bodies.received(request) as body:
        make = partial(_put_of, entity_id=entity_id, body=body, kind=kind, caller=request.state.caller)
        return await _accepted(request, response, make, len(body))


@router.delete(
    "/entities/{entity_id:path}",
    responses=documented(*ALWAYS),
    summary="Remove a record",
    **ACCEPTED,
)
async def delete(entity_id: RecordId, request: Request, response: Response) -> JobOut:
    """Whether there is such a record shows when it is applied: the job of one that there is not fails. Asks for an
    admin's key."""
    make = partial(_removal_of, entity_id=entity_id, caller=request.state.caller)
    return await _accepted(request, response, make, 1024)


@router.post(
    "/entities",
    responses=documented(*ALWAYS, *OF_BODIES),
    openapi_extra={"requestBody": LINES_BODY},
    summary="Put many records",
    **ACCEPTED,
)
async def post(request: Request, response: Response) -> JobOut:
    """As JSON lines, up to 10,000 with half a million values in all. A line that is at fault is left out and listed by
    the job; where all are, nothing is accepted. Pictures come with a PUT of their record. Asks for an admin's key."""
    content_type(request.headers, (JSON_LINES,))
    bodies: Bodies = request.app.state.bodies
    async with bodies.received(request) as body:
        make = partial(_lines_of, body=body, caller=request.state.caller)
        return await _accepted(request, response, make, len(body))


async def _accepted(request: Request, response: Response, make: Make, size: int) -> JobOut:
    receiver: Receiver = request.app.state.changes
    async with awaited(request) as expect_awaited:
        job = await receiver.accepted(make, size, expect_awaited)
    response.headers["Location"] = f"/jobs/{job.job_id}"
    return job


def _put_of(_: Deadline, *, entity_id: str, body: bytes, kind: ContentType, caller: str) -> Draft:
    if kind.media_type == JSON:
        return record_put(entity_id, body, [], caller)
    parts = parts_of(body, kind.boundary, repeated={"image": MOST_PICTURES})
    records = [content for name, content in parts if name == "record"]
    pictures = [content for name, content in parts if name == "image"]
    if len(records) != 1 or len(records) + len(pictures) != len(parts):
        raise Problem(Cause.INVALID_REQUEST, "Send one part `record`, and pictures as parts `image`; no other.")
    return record_put(entity_id, records[0], pictures, caller)


def _removal_of(_: Deadline, *, entity_id: str, caller: str) -> Draft:
    return removal(entity_id, caller)


def _lines_of(deadline: Deadline, *, body: bytes, caller: str) -> Draft:
    return lines_put(body, caller, deadline.expect_time)
