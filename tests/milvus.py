"""A Milvus server of the tests: milvus-lite, which speaks the same protocol, in this process or in one that can be
killed."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

BACKENDS = ("exact-fp16", "milvus-flat")
_SERVE = (
    "import sys; from milvus_lite.adapter.grpc.server import run_server; run_server(*sys.argv[1:3], int(sys.argv[3]))"
)


class OwnServer:
    """A server in a process of its own, that can be killed, stopped and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self._folder = folder
        self.uri = f"http://127.0.0.1:{self._port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", _SERVE, str(self._folder), "127.0.0.1", str(self._port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "Milvus did not start"
                assert self.process.poll() is None, "Milvus ended"
                time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def own_server(folder: Path) -> Iterator[OwnServer]:
    """One that runs until the block ends."""
    server = OwnServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
