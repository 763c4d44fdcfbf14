"""Files that are served as they lie on the disk: of the page, of the API's description, of a knowledge base."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from service.errors import Cause, Problem

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# A picture of a knowledge base is someone else's: whatever it holds, a browser shall only ever show it as a picture.
SHOWN_ONLY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "public, max-age=3600",
    "Accept-Ranges": "none",
}


class WholeFile(FileResponse):
    """A whole file: a request for a range of it is passed over, as HTTP lets a server do.

    Starlette refuses ranges that it does not like in plain text, and cuts a file into as many parts as a caller names.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


class OpenedFile(WholeFile):
    """A file that is open: what was looked at is what is sent, whatever its name leads to by then."""

    def __init__(self, file: BinaryIO, *, media_type: str, headers: Mapping[str, str]) -> None:
        # Under this name the kernel opens the same file once more, for Starlette to read from its start.
        path = f"/proc/self/fd/{file.fileno()}"
        super().__init__(path, media_type=media_type, headers=headers, stat_result=os.fstat(file.fileno()))
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)


class PackagedFiles(StaticFiles):
    """Files that packages carry, each under its own name, and no other file of the folders that they lie in.

    Args:
        folders: (package, folder in it), looked through in this order.
        names: the files that are served.
        headers: what each answer carries, also that nothing has changed: a browser takes a page's policy from either.
    """

    def __init__(self, folders: Sequence[tuple[str, str]], *, names: Sequence[str], headers: Mapping[str, str]) -> None:
        super().__init__(packages=list(folders))
        self.names = frozenset(names)
        self._headers = dict(headers)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 304 where the browser has it. Raises Problem where no file has that name."""
        if path not in self.names:
            raise Problem(Cause.NOT_FOUND, "There is no such file.")
        return await super().get_response(path, scope)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The whole file under the media type of its ending: what a system takes a script for differs."""
        media_type = MEDIA_TYPES[Path(full_path).suffix]
        whole = WholeFile(full_path, status_code, self._headers, media_type=media_type, stat_result=stat_result)
        if self.is_not_modified(whole.headers, Headers(scope=scope)):
            return Response(status_code=304, headers={**self._headers, "ETag": whole.headers["etag"]})
        return whole
