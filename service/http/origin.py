"""Which names the service answers to, and which pages may ask.

A closed CORS policy stops neither DNS rebinding, where a browser takes another site's name for this service, nor a form
that another site posts. So the Host of every request and the Origin of every one that does work are looked at.
"""

import ipaddress
import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import Cause, Problem
from service.http.problems import problem_response

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(?::[0-9]{1,5})?", re.IGNORECASE)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class OwnOrigin:
    """Middleware that refuses other hosts and other sites' pages.

    Addresses are always answered to: rebinding needs a name.

    Args:
        hosts: further names; "*" is every name.
        origins: other sites whose pages may ask, as "https://example.org".
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self._app = app
        self._hosts = {"localhost", *(host.lower().rstrip(".") for host in hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope["method"], Headers(scope=scope))
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, method: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._answers_to(host):
            raise Problem(Cause.WRONG_HOST, "An operator adds a name with WIKICLIP_HOSTS.")
        if method in SAFE_METHODS:
            return
        origin = headers.get("origin", "").lower()
        if origin:
            foreign = origin not in self._origins and origin.partition("://")[2] != host.lower()
        else:  # a browser that leaves Origin out says at least whether the page was another site's
            foreign = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if foreign:
            raise Problem(Cause.FOREIGN_ORIGIN, "An operator allows another site's pages with WIKICLIP_ORIGINS.")

    def _answers_to(self, host: str) -> bool:
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower().rstrip(".")
        return "*" in self._hosts or name in self._hosts or is_address(name.strip("[]"))


def is_address(name: str) -> bool:
    """Whether a host is written as an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
