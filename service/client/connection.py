"""How the client asks: over connections that are kept, and again where the service says when to come back."""

import os
import re
from contextlib import suppress
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from wikiclip.base.errors import WikiClipError

AGAIN = (429, 503)  # which say when to come back
KEY_VARIABLE = "WIKICLIP_KEY"

Answer = TypeVar("Answer", bound=BaseModel)


class LinkError(WikiClipError):
    """The service could not be reached, or did not do what it was asked.

    Attributes:
        status: of the answer; None where there was none.
        type: of the problem document, which tells the cause; None where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None, type: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = type


class _NotYet(Exception):
    """The service asks to come back after so many seconds."""

    def __init__(self, error: LinkError, seconds: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


class Connection:
    """One service, with the key that it is shown. Safe on any thread.

    Args:
        url: where it is.
        key: the environment's WIKICLIP_KEY if left out.
        timeout_s: how long one answer may take.
        attempts: how often a busy service is asked.
    """

    def __init__(self, url: str, *, key: str | None, timeout_s: float, attempts: int) -> None:
        """Raises LinkError where no address, key or proxy can be made of what was given."""
        key = key or os.environ.get(KEY_VARIABLE)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = _open(url, headers=headers, timeout=timeout_s)
        self._attempts = attempts

    def close(self) -> None:
        """Closes what it kept open."""
        self._http.close()

    def ask(self, form: type[Answer], method: str, path: str, **request: Any) -> Answer:
        """Sends a request, as often as need be, and reads its answer. `request` is what httpx takes beside the path.

        Raises:
            LinkError: the service refused, failed or cannot be reached.
        """
        again = Retrying(
            retry=retry_if_exception_type(_NotYet), wait=_wait, stop=stop_after_attempt(self._attempts), reraise=True
        )
        try:
            found: Answer = again(self._once, form, method, path, **request)
        except _NotYet as not_yet:
            raise not_yet.error from None
        return found

    def _once(self, form: type[Answer], method: str, path: str, **request: Any) -> Answer:
        try:
            answer = self._http.request(method, path, **request)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            why = str(error) or type(error).__name__
            raise LinkError(
                f"{self._http.base_url} did not answer: {why}. Start the service, or give its address"
                " (--url on the command line)."
            ) from error
        if answer.status_code not in (200, 202):
            refusal = _refusal(answer)
            if answer.status_code in AGAIN and answer.headers.get("retry-after", "").isdecimal():
                raise _NotYet(refusal, float(answer.headers["retry-after"]))
            raise refusal
        try:
            return form.model_validate_json(answer.content)
        except ValidationError as error:
            raise LinkError(f"{self._http.base_url} answers something else: is it a WikiCLIP Service?") from error


def _open(url: str, **settings: Any) -> httpx.Client:
    """A client of httpx. It takes proxies from the environment, whose faults are not this machine's own addresses'."""
    try:
        return httpx.Client(base_url=url, **settings)
    except (httpx.InvalidURL, ValueError, ImportError, UnicodeError) as error:
        if re.match(r"https?://(localhost|127\.[\d.]+|\[::1\])(:\d+)?(/|$)", url):
            with suppress(httpx.InvalidURL, ValueError, UnicodeError):
                return httpx.Client(base_url=url, trust_env=False, **settings)
        raise LinkError(
            f"No connection can be made to {url[:200]!r}: {error}. Look at the address, the key, and the environment's"
            " proxies (ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY)."
        ) from error


def _wait(state: RetryCallState) -> float:
    """Seconds, as the service asked for."""
    error = None if state.outcome is None else state.outcome.exception()
    return error.seconds if isinstance(error, _NotYet) else 0.0


def _refusal(answer: httpx.Response) -> LinkError:
    try:
        problem = answer.json()
        told = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ()))
        message = " ".join(filter(None, (problem["title"], problem["detail"], told)))
        return LinkError(message, status=answer.status_code, type=problem["type"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return LinkError(f"{answer.url} answers {answer.status_code}.", status=answer.status_code)
