"""One client a process for each server, and what it says when it fails."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from indexer.errors import CorruptIndex, IndexUnreachable
from indexer.kinds.milvus.server import MilvusServer
from wikiclip.base.errors import WikiClipError, first_line, how_to_install

Answer = TypeVar("Answer")
NOT_FOUND, NOT_LOADED = (100, 200), 101  # Milvus's numbers: no such collection, partition; one that is not in memory
PATIENT_S = 600.0  # for what takes long: to flush, to load
REST_S = 1.0  # after a server that did not answer in time: nobody else waits for it meanwhile
_clients: dict[MilvusServer, "Connection"] = {}
_lock = threading.Lock()


class Connection:
    """A client that is safe on any thread. What fails ends in one line.

    Args:
        server: where it is.

    Raises:
        IndexUnreachable: nothing answers there, or it does not let this program in.
        WikiClipError: pymilvus is not installed.
    """

    def __init__(self, server: MilvusServer) -> None:
        milvus_client = _client_class()
        self.server = server
        self._rests_until = 0.0
        self.client: Any = self.ask(
            lambda: milvus_client(uri=server.uri, token=server.token, timeout=server.timeout_s), what="connect"
        )
        self.version: str = self.ask(lambda: self.client.get_server_version(timeout=server.timeout_s), what="connect")

    def ask(self, question: Callable[[], Answer], *, what: str) -> Answer:
        """Asks the server.

        Args:
            what: is asked, as a verb.

        Raises:
            CorruptIndex: there is no such collection or partition.
            NotLoaded: the collection is not in the server's memory.
            NotOffered: the server is of a kind that does not do this.
            IndexUnreachable: the server did not answer, or could not do it.
        """
        import grpc
        from pymilvus.exceptions import MilvusException

        if time.monotonic() < self._rests_until:
            raise IndexUnreachable(f"Milvus at {self.server.shown} did not answer in time; it is asked again soon.")
        try:
            return question()
        except MilvusException as error:
            if error.code in NOT_FOUND:
                raise CorruptIndex(
                    f"Milvus at {self.server.shown} does not hold the vectors of this index ({_said(error.message)});"
                    " restore the collection, or build the index again."
                ) from error
            if error.code == NOT_LOADED:
                raise NotLoaded(f"Milvus at {self.server.shown} has not loaded the collection.") from error
            raise self._unreachable(what, error.message) from error
        except grpc.RpcError as error:
            code = error.code().name if isinstance(error, grpc.Call) else type(error).__name__
            if code == "UNIMPLEMENTED":
                raise NotOffered(f"Milvus at {self.server.shown} does not know how to {what}.") from error
            if code == "DEADLINE_EXCEEDED":
                self._rests_until = time.monotonic() + REST_S
            raise self._unreachable(what, code) from error
        except ValueError as error:  # of a channel that was closed
            raise self._unreachable(what, str(error)) from error

    def _unreachable(self, what: str, why: str) -> IndexUnreachable:
        return IndexUnreachable(f"Milvus at {self.server.shown} could not {what}: {_said(why)}.")


class NotLoaded(IndexUnreachable):
    """The collection has to be loaded first."""


class NotOffered(IndexUnreachable):
    """milvus-lite does not do everything that a cluster does."""


def connected(server: MilvusServer) -> Connection:
    """The process's connection to a server, made by the first who needs it. Raises as `Connection` does."""
    with _lock:
        if server not in _clients:
            _clients[server] = Connection(server)
        return _clients[server]


def _client_class() -> Any:
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise WikiClipError(f"Milvus needs its client: {how_to_install('milvus')}.") from error
    # It logs whatever it raises, each time with a stack; what is raised is told once, by who catches it.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
    return MilvusClient


def _said(message: object) -> str:
    return first_line(Exception(str(message)))[:200].rstrip(".") or "it did not say why"
