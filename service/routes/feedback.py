"""The path by which callers say what a region of a picture shows."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from indexer.errors import UnknownEntity
from service.engine.answering import Answers
from service.errors import BY_CODE, Cause, Problem
from service.feedback import FeedbackFolder, TooMuch
from service.http.bodies import Bodies, ContentType, content_type
from service.http.turns import Deadline, Turns
from service.routes.dependencies import awaited, runtime_of, serving_of
from service.routes.openapi import LINK_CAUSES, body_of, documented
from service.routes.parsing import parse
from service.routes.requests import Base64Picture, PictureFile, Region, Shape
from service.routes.strict import Strict
from service.schemas import FeedbackResponse
from service.settings import Settings
from wikiclip.base.locks import Held
from wikiclip.masks import RegionError, decode_region
from wikiclip.pictures import PictureError, read_picture

logger = logging.getLogger(__name__)
router = APIRouter()


class FeedbackOptions(Strict):
    """What a region shows, and what had been answered."""

    region: Annotated[Region, Field(description="One region; absent for the whole picture.")] = None
    entity_id: Annotated[str, Field(min_length=1, max_length=256, description="Of the entity that it shows.")]
    answered: Annotated[
        str | None,
        Field(min_length=1, max_length=256, description="Of the entity that came first in the answer; for people."),
    ] = None


class FeedbackRequest(FeedbackOptions, Base64Picture):
    """The JSON body of `POST /feedback`."""


class FeedbackForm(FeedbackOptions, PictureFile):
    """The parts of a multipart `POST /feedback`."""


FEEDBACK = Shape(FeedbackOptions, FeedbackRequest, FeedbackForm)
_NOT_TO_TELL = (Cause.TOO_MANY_REGIONS, Cause.INDEX_UNREACHABLE)
CAUSES = (
    *(cause for cause in LINK_CAUSES if cause not in _NOT_TO_TELL),
    Cause.UNKNOWN_ENTITY,
    Cause.FEEDBACK_OFF,
    Cause.FOREIGN_ORIGIN,
    Cause.NO_ROOM,
)


class Listener:
    """Takes labels in, one at a time.

    Args:
        settings: the service's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = None
        if settings.feedback is not None:
            self._folder = FeedbackFolder(settings.feedback, most=settings.feedback_bytes)
        self.turns = Turns()

    @property
    def folder(self) -> FeedbackFolder:
        """Raises Problem where no labels are kept."""
        if self._folder is None:
            raise Problem(Cause.FEEDBACK_OFF, "An operator names a folder for it with WIKICLIP_FEEDBACK.")
        return self._folder

    async def keep(self, body: bytes, kind: ContentType, serving: Answers, expect_awaited: Callable[[], None]) -> int:
        """Keeps a label; returns the bytes of all labels.

        Args:
            expect_awaited: raises Problem where the caller is gone.

        Raises:
            Problem: nothing is kept, such as where no turn comes before the deadline.
        """
        deadline = Deadline(self._settings.deadline_s)
        async with self.turns.taken(deadline):
            expect_awaited()
            return await asyncio.to_thread(self._keep, body, kind, serving, deadline)

    def _keep(self, body: bytes, kind: ContentType, serving: Answers, deadline: Deadline) -> int:
        asked = parse(body, kind, FEEDBACK)
        options = asked.options
        try:
            serving.records.entity(options.entity_id)
        except UnknownEntity:
            raise Problem(Cause.UNKNOWN_ENTITY, "`entity_id` is that of no entity.") from None
        try:
            picture = read_picture(asked.picture, limits=self._settings.picture_limits)
            if options.region is not None:
                width, height = picture.size
                decode_region(options.region, height=height, width=width)
        except (PictureError, RegionError) as error:
            raise Problem(BY_CODE[error.code], str(error)) from None
        try:
            assert self._settings.feedback is not None
            self._settings.feedback.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._settings.feedback).free < self._settings.free_bytes + 2 * len(body):
                raise Problem(Cause.NO_ROOM, "The disk of feedback would have less left than WIKICLIP_FREE_BYTES.")
            return self.folder.keep(
                asked.picture,
                entity_id=options.entity_id,
                region=options.region,
                answered=options.answered,
                until=deadline.until,
            )
        except Held:
            raise deadline.problem() from None
        except TooMuch:
            raise Problem(Cause.NO_ROOM, "The folder of feedback holds WIKICLIP_FEEDBACK_BYTES.") from None
        except OSError as error:
            logger.error("Feedback cannot be kept: %s", error)
            raise Problem(Cause.NO_ROOM, "Feedback cannot be written; the server's log says why.") from None


_BODY: dict[str, Any] = body_of(FEEDBACK, {})


@router.post(
    "/feedback",
    responses=documented(*CAUSES),
    openapi_extra={"requestBody": _BODY},
    summary="Say what a region of the picture shows",
)
async def feedback(request: Request) -> FeedbackResponse:
    """Keeps the picture, the region and the entity as a label to train with, where the operator names a folder."""
    listener: Listener = request.app.state.feedback
    _ = listener.folder
    serving = await serving_of(await runtime_of(request))
    kind = content_type(request.headers)
    bodies: Bodies = request.app.state.bodies
    async with bodies.received(request) as body, awaited(request) as expect_awaited:
        return FeedbackResponse(label_bytes=await listener.keep(body, kind, serving, expect_awaited))
