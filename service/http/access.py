"""Who may ask, and how often: API keys and a rate for each."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import Cause, Problem
from service.http.key_ring import Key, KeyRing, Role
from service.http.problems import not_found, problem_response
from service.http.rates import Counted

ADMIN = ("/admin", "/metrics", "/jobs")
CHANGED = "/entities"  # whose records anybody may read, and an admin change
SCHEME = "Bearer"


class Access:
    """Middleware that lets through who has a key, and nobody more often than the rate.

    Without a file of keys everyone may ask, but nobody may look after the service, `/metrics` excepted.

    Args:
        open_paths: where neither is asked for.
        keys: None asks for none.
        rate: None allows any.
    """

    def __init__(
        self, app: ASGIApp, *, open_paths: Collection[str], keys: KeyRing | None, rate: Counted | None
    ) -> None:
        self._app = app
        self._open_paths = open_paths
        self._keys = keys
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        try:
            caller = self._admitted(scope)
            if self._rate is not None:
                await self._rate.taken(caller)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    def _admitted(self, scope: Scope) -> str:
        """Who asks, for the log and the rate: a key's name, or an address where no key is asked for."""
        method, asked = scope["method"], scope["path"]
        if "\n" in asked and not asked.startswith(f"{CHANGED}/"):
            raise not_found()  # a route's pattern overlooks a last one: it would be another path than is looked at here
        changes = (method in ("PUT", "DELETE") and _is_below(asked, CHANGED)) or (method == "POST" and asked == CHANGED)
        for_changes = changes or _is_below(asked, "/jobs")
        for_admin = for_changes or any(_is_below(asked, path) for path in ADMIN)
        if self._keys is None:
            if for_changes:
                raise changes_off()
            if for_admin and scope["path"] != "/metrics":
                raise Problem(Cause.FORBIDDEN, "An operator makes one with `python -m service.keys add NAME --admin`.")
            return str(scope["client"][0]) if scope["client"] else "unknown"
        key = self._key(Headers(scope=scope))
        if for_admin and key.role is not Role.ADMIN:
            if for_changes and not self._keys.has_admin:
                raise changes_off()
            raise Problem(Cause.FORBIDDEN, "This path asks for an admin's key.")
        return key.name

    def _key(self, headers: Headers) -> Key:
        key = key_of(headers, self._keys)
        if key is None:
            raise Problem(
                Cause.UNAUTHORIZED,
                "Send a key that is valid as `Authorization: Bearer ...`.",
                headers={"WWW-Authenticate": SCHEME},
            )
        return key


def changes_off() -> Problem:
    """What a change is refused with where no admin could send one."""
    return Problem(
        Cause.CHANGES_OFF,
        "An operator turns changes on with an admin's key: `python -m service.keys add NAME --admin` in the file that"
        " WIKICLIP_KEYS names.",
    )


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def key_of(headers: Headers, keys: KeyRing | None) -> Key | None:
    """The key that a request shows; None where it shows none that is valid."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return keys.find(secret.strip()) if keys and scheme.lower() == SCHEME.lower() else None
