"""Whether an answer to a hostile request is one that the OpenAPI document and the service's promises allow."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from benchmarks.hostile.asking import Answer
from benchmarks.hostile.case import MARK, Case
from service.errors import Cause
from service.http.problems import MEDIA_TYPE
from service.schemas import LinkResponse, ProblemOut

TYPES = {cause.type: cause for cause in Cause}
# What the service may say before it knows which operation is meant, or that there is none.
BEFORE_ROUTING = {
    cause.status
    for cause in (
        Cause.MALFORMED_HTTP,
        Cause.FOREIGN_ORIGIN,
        Cause.FORBIDDEN,
        Cause.NOT_FOUND,
        Cause.METHOD_NOT_ALLOWED,
        Cause.WRONG_HOST,
    )
}


@dataclass(frozen=True)
class Judge:
    """Knows what may be answered.

    Args:
        document: the service's OpenAPI document.
        limit_s: how long an answer may take.
    """

    document: dict[str, Any]
    limit_s: float

    def fault(self, case: Case, answer: Answer) -> str | None:
        """What is wrong with an answer, in words that are the same for the same fault; None where nothing is."""
        if answer.seconds > self.limit_s:
            return f"no answer within {self.limit_s:g} s"
        if answer.status is None:
            # Whoever sends no whole request, and then nothing more, has gone away.
            return f"no answer: {answer.error}" if case.framed else None
        if MARK in answer.head or MARK.encode() in answer.body:
            return f"the answer {answer.status} repeats the request"
        if answer.status >= 500:
            return f"answered {answer.status}"
        if answer.status not in self._allowed(case):
            return f"answered {answer.status}, which {case.method} of this path does not document"
        if answer.status == 200:
            return _fault_of_success(case, answer)
        return None if case.method == "HEAD" or answer.status == 304 else _fault_of_problem(answer)

    def _allowed(self, case: Case) -> set[int]:
        if not case.framed:  # whatever method and path it comes to have
            operations = [one for path in self.document["paths"].values() for one in path.values()]
            return BEFORE_ROUTING | {int(status) for operation in operations for status in operation["responses"]}
        path = unquote(case.target.partition("?")[0])
        method = "GET" if case.method == "HEAD" else case.method  # the document tells HEAD nowhere: it is GET's answer
        found = [
            operation["responses"]
            for pattern, operations in self.document["paths"].items()
            for name, operation in operations.items()
            if name.upper() == method and re.fullmatch(_expression(pattern), path, re.DOTALL)
        ]
        documented = {int(status) for responses in found for status in responses}
        return documented or BEFORE_ROUTING | {200, 304}  # the page's files, which the document passes over


def _expression(pattern: str) -> str:
    """A path of the document as a regular expression; a parameter may hold slashes, as the service's do."""
    return ".+".join(re.escape(text) for text in re.split(r"\{\w+\}", pattern))


def _fault_of_success(case: Case, answer: Answer) -> str | None:
    if case.target == "/link":
        try:
            LinkResponse.model_validate_json(answer.body, strict=True)
        except ValidationError:
            return "the answer 200 is not as documented"
    return None


def _fault_of_problem(answer: Answer) -> str | None:
    if answer.content_type != MEDIA_TYPE:
        return f"answered {answer.status} as {answer.content_type}"
    try:
        problem = ProblemOut.model_validate_json(answer.body, strict=True)
    except ValidationError:
        return f"the answer {answer.status} is no problem document"
    cause = TYPES.get(problem.type)
    if cause is None or cause.status != answer.status or cause.title != problem.title:
        return f"the answer {answer.status} is of no known type"
    return None
