"""The protocol: what a repository holds, and its files at a commit, with the headers that clients check.

It answers `GET /api/models/OWNER/NAME[/revision/REV]`, `GET /api/models/OWNER/NAME/tree/COMMIT`, and `HEAD` and `GET`
of `/OWNER/NAME/resolve/REV/FILE`, a range of it included, as huggingface_hub 1 and 2 ask for them.
"""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self

from benchmarks.hub.repositories import commit_of, files_of

Fault = Literal["none", "unauthorized", "missing", "cut", "altered"]
LARGE = 1 << 18  # bytes; larger files are said to be in LFS, whose ETag is their sha256

API = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)(?:/revision/[^/]+)?")
TREE = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)/tree/[^/]+")
FILE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class StandInHub:
    """A hub on loopback, as a context.

    Attributes:
        root: the folder of its repositories.
        fault: what is wrong with it, which may change while it runs: "unauthorized" (401) and "missing" (404) of all;
            "cut" and "altered" of the weights, half of which come, or whose last byte is another.
        asked: paths of all requests so far.
    """

    root: Path
    port: int = 0
    fault: Fault = "none"
    asked: list[str] = field(default_factory=list)

    @cached_property
    def _server(self) -> ThreadingHTTPServer:
        return ThreadingHTTPServer(("127.0.0.1", self.port), type("Handler", (_Handler,), {"hub": self}))

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Answers until it is interrupted."""
        self._server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append(path)
        found = TREE.fullmatch(path) or API.fullmatch(path) or FILE.fullmatch(path)
        folder = self.hub.root / found["name"] if found else None
        if self.hub.fault == "unauthorized":
            self._refuse(HTTPStatus.UNAUTHORIZED, "GatedRepo")
        elif found is None or folder is None or not folder.is_dir() or self.hub.fault == "missing":
            self._refuse(HTTPStatus.NOT_FOUND, "RepoNotFound")
        elif found.re is FILE:
            self._file(files_of(folder).get(found["file"]), commit_of(folder), found["revision"])
        else:
            files = files_of(folder)
            if found.re is TREE:
                self._json([_entry(name, path) for name, path in files.items()])
            else:
                names = [{"rfilename": name} for name in files]
                self._json({"id": found["name"], "sha": commit_of(folder), "siblings": names})

    def _file(self, path: Path | None, commit: str, revision: str) -> None:
        if revision not in ("main", commit):
            self._refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        elif path is None:
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound")
        else:
            self._send(path, commit)

    def _send(self, path: Path, commit: str) -> None:
        size = path.stat().st_size
        start = int(re.sub(r"\D", "", self.headers.get("Range", "").partition("-")[0]) or 0)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{_etag(path, path.stat().st_mtime_ns)}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(size - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self._data(path)[start:])

    def _data(self, path: Path) -> bytes:
        """A file's bytes, or what a fault makes of them."""
        data = path.read_bytes()
        if path.suffix == ".safetensors" and self.hub.fault == "cut":
            self.close_connection = True
            return data[: len(data) // 2]
        if path.suffix == ".safetensors" and self.hub.fault == "altered":
            return data[:-1] + bytes([data[-1] ^ 1])
        return data

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", f"The stand-in hub says: {status.phrase}.")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the one who runs a command reads what the command says."""


def _entry(name: str, path: Path) -> dict[str, Any]:
    size, etag = path.stat().st_size, _etag(path, path.stat().st_mtime_ns)
    entry = {"type": "file", "path": name, "size": size, "oid": etag[:40]}
    return entry if size < LARGE else {**entry, "lfs": {"oid": etag, "size": size, "pointerSize": 134}}


@lru_cache
def _etag(path: Path, changed_ns: int) -> str:
    """Of a large file its sha256, of a small one what git calls it."""
    data = path.read_bytes()
    if len(data) >= LARGE:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
