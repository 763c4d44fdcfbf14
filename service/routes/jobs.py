"""The paths that tell what became of changes."""

import asyncio
import logging
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter

from service.changes.change import UNKNOWN, Head
from service.changes.journal import Done, Journal, is_id
from service.errors import Cause, Problem
from service.routes.openapi import documented
from service.schemas import JobOut, JobsResponse
from wikiclip.base.errors import first_line

logger = logging.getLogger(__name__)
router = APIRouter()

OFF = (Cause.FORBIDDEN, Cause.CHANGES_OFF)


@router.get("/jobs", responses=documented(*OFF, Cause.INVALID_REQUEST), summary="Changes, the last one first")
async def jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000, description="Jobs at most.")] = 20,
    before: Annotated[str, Query(pattern="^([0-9]{12})?$", description="What the answer before told as `next`.")] = "",
) -> JobsResponse:
    """Those that wait, and the last ten thousand that were done. Asks for an admin's key."""
    return await asyncio.to_thread(_listed, request.app.state.changes.journal, limit, before)


@router.get("/jobs/{job_id}", responses=documented(*OFF, Cause.UNKNOWN_JOB), summary="What became of a change")
async def job(
    request: Request,
    job_id: Annotated[str, PathParameter(description="As the answer of the change has it.", examples=["000000000001"])],
) -> JobOut:
    """Asks for an admin's key."""
    found = await asyncio.to_thread(told, request.app.state.changes.journal, job_id)
    if found is None:
        raise Problem(Cause.UNKNOWN_JOB, "Jobs are told of for as long as they wait, and the last ten thousand done.")
    return found


def shown(job_id: str, about: Done | Head) -> JobOut:
    """A change as the service tells of it."""
    if isinstance(about, Head):
        return JobOut(
            job_id=job_id,
            state="waiting",
            accepted=about.accepted,
            caller=about.caller,
            asked=about.puts + about.removes,
            faults=list(about.faults),
            more_faults=about.more_faults,
            kept_as_extra=about.kept_as_extra,
        )
    head = about.head
    faults = [*head.faults, *about.faults]
    return JobOut(
        job_id=job_id,
        state=about.state,
        accepted=head.accepted,
        caller=head.caller,
        finished=about.finished,
        index_version=about.index_version,
        asked=head.puts + head.removes,
        put=about.put,
        removed=about.removed,
        faults=faults,
        more_faults=head.more_faults + about.more_faults,
        kept_as_extra=head.kept_as_extra,
    )


def told(journal: Journal, job_id: str) -> JobOut | None:
    """A job; None where there is none. One whose file tells nothing has failed, as it does once it is its turn."""
    if not is_id(job_id):
        return None
    try:
        about = journal.look_up(job_id)
    except (OSError, ValueError) as error:
        logger.error("The change %s cannot be told of: %s", job_id, first_line(error))
        why = "its file was damaged" if isinstance(error, ValueError) else "its file cannot be read"
        return shown(job_id, UNKNOWN).model_copy(update={"state": "failed", "faults": [why]})
    return None if about is None else shown(job_id, about)


def _listed(journal: Journal, limit: int, before: str) -> JobsResponse:
    ids = [job_id for job_id in journal.ids() if not before or job_id < before]
    found = [told(journal, job_id) for job_id in islice(ids, limit)]
    return JobsResponse(
        jobs=[each for each in found if each is not None],
        waiting=len(journal.waiting()),
        trouble=journal.trouble(),
        next=ids[limit - 1] if len(ids) > limit else None,
    )
