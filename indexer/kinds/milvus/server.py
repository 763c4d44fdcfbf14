"""Which Milvus server keeps the vectors, and what the caller has to show it."""

import os
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

import typer

from wikiclip.base.errors import WikiClipError

URI, TOKEN, ALIAS, TIMEOUT_S = (f"WIKICLIP_MILVUS_{name}" for name in ("URI", "TOKEN", "ALIAS", "TIMEOUT_S"))
SECONDS = 10.0  # that a search may take
CURRENT_ALIAS = "wikiclip_current"
Uri = Annotated[
    str | None,
    typer.Option("--uri", envvar=URI, show_envvar=False, help=f"Where Milvus is; {URI} if left out."),
]


@dataclass(frozen=True, slots=True)
class MilvusServer:
    """A server, or the folder of an embedded one.

    Attributes:
        uri: `http://host:19530`, with a database as its path, or a path that ends in `.db` for milvus-lite.
        token: `user:password` or an API key; empty where the server asks for none.
        timeout_s: seconds that a search may take.
    """

    uri: str
    token: str = field(default="", repr=False)
    timeout_s: float = SECONDS

    @property
    def shown(self) -> str:
        """The address as it may be printed: without what stands before an @."""
        parts = urlsplit(self.uri)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.scheme else self.uri


def milvus_server(uri: str | None = None) -> MilvusServer:
    """The server of a command line, or else of the environment. A token comes from the environment alone, so that
    neither a list of processes nor a shell's history shows it.

    Raises:
        WikiClipError: no server is named, or a number of the environment is none.
    """
    uri = uri or os.environ.get(URI, "")
    if not uri:
        raise WikiClipError(f"The vectors are in Milvus: say where, with --uri or with {URI}=http://host:19530.")
    seconds = os.environ.get(TIMEOUT_S) or str(SECONDS)
    try:
        timeout_s = float(seconds)
    except ValueError as error:
        raise WikiClipError(f"{TIMEOUT_S} is {seconds[:40]!r}, not a number of seconds.") from error
    return MilvusServer(uri, os.environ.get(TOKEN, ""), timeout_s)


def named_server(uri: str | None) -> MilvusServer | None:
    """The server of a command line; None where it names none. Raises as `milvus_server` does."""
    return milvus_server(uri) if uri else None


def alias_of_environment() -> str:
    """The name by which other programs find the collection of the current version."""
    return os.environ.get(ALIAS) or CURRENT_ALIAS
