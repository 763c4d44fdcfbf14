"""Problem documents (RFC 9457): what an application answers in place of every refusal, its own and its framework's."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from indexer.errors import CorruptIndex, IndexUnreachable, TookTooLong, UnknownEntity
from service.errors import Cause, Problem, index_damaged, index_unreachable

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def problem_response(problem: Problem) -> JSONResponse:
    """The answer that a problem is sent as."""
    return JSONResponse(
        problem.document(), status_code=problem.cause.status, media_type=MEDIA_TYPE, headers=problem.headers
    )


def not_found() -> Problem:
    """What a path is answered with at which nothing is."""
    return Problem(Cause.NOT_FOUND, "See /openapi.json for what is served.")


def install(app: FastAPI) -> None:
    """Makes every refusal of `app` a problem document; what nobody foresaw is made one by `request_log`."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(UnknownEntity, _answer_unknown_entity)
    app.add_exception_handler(CorruptIndex, _answer_corrupt_index)
    app.add_exception_handler(IndexUnreachable, _answer_unreachable_index)
    app.add_exception_handler(TookTooLong, _answer_late)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_parameters)


async def _answer_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _answer_unknown_entity(_: Request, __: Exception) -> JSONResponse:
    return problem_response(Problem(Cause.UNKNOWN_ENTITY, "Take the id from an answer of /link."))


async def _answer_corrupt_index(_: Request, error: Exception) -> JSONResponse:
    """It was whole when it was opened."""
    logger.error("%s", error)
    return problem_response(index_damaged())


async def _answer_unreachable_index(_: Request, error: Exception) -> JSONResponse:
    logger.error("%s", error)
    return problem_response(index_unreachable())


async def _answer_late(_: Request, error: Exception) -> JSONResponse:
    logger.warning("%s", error)
    return problem_response(Problem(Cause.DEADLINE, "Ask for less, or try again in a moment."))


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    """Starlette's own refusals, which are those of the router."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem_response(not_found())
    if error.status_code == 405:
        allowed = _methods(request)
        headers = {"Allow": ", ".join(allowed)}
        return problem_response(Problem(Cause.METHOD_NOT_ALLOWED, f"Use {' or '.join(allowed)}.", headers=headers))
    return problem_response(Problem(Cause.INTERNAL_ERROR, "The request could not be routed."))


def _methods(request: Request) -> list[str]:
    """What a path answers. Routes of several files share one, and Starlette names those of the first alone."""
    routes = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def _answer_parameters(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    names = ", ".join(sorted({str(detail["loc"][-1]) for detail in error.errors()}))
    return problem_response(Problem(Cause.INVALID_REQUEST, f"Check the parameters: {names}."))
