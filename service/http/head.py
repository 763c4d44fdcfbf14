"""HEAD wherever GET is answered (RFC 9110, section 9.3.2): balancers and monitors ask so whether a service lives."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Middleware that asks the routes as a GET would. The server leaves the body out, and has the method as it came."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send)
        finally:
            scope.update({name: asked[name] for name in ("route",) if name in asked})  # for the log and the count
