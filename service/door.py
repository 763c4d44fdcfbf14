"""Refuses requests by their heads, before anything is made of them, while no place is free.

What comes while the service is full comes in numbers, on the cores that the encoder needs: the application, its
middleware and a task would cost several times as much as these few lines.
"""

from starlette.responses import Response
from starlette.types import Scope
from structlog.contextvars import bound_contextvars

from service.answer_headers import ANSWER_HEADERS
from service.errors import Problem
from service.request_log import HEADER, RequestNote
from service.runtime import Runtime

PATHS = ("/link", "/segment", "/explain")  # whose requests take a place


class Door:
    """Looks at a request where the connection's protocol has its head.

    It says so before it asks who calls: who has no key learns that the service is busy.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that would find no place, logged and counted; None where it may come in."""
        if scope["path"] not in PATHS or scope["method"] != "POST" or not self._runtime.is_ready:
            return None
        try:
            self._runtime.pipeline.expect_room()
        except Problem as problem:
            note = RequestNote(scope, self._runtime.metrics)
            answer = problem.response()
            answer.headers.update({**ANSWER_HEADERS, HEADER: note.request_id})
            with bound_contextvars(request_id=note.request_id):
                note.tell(scope["path"], status=answer.status_code, sent=len(answer.body))
            return answer
        return None
