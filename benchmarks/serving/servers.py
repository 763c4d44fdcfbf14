"""Servers in processes of their own, and what can be seen of them from outside."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.serving.bare import BareCaller
from benchmarks.serving.callers import ROOT
from benchmarks.serving.pictures import requests
from wikiclip.errors import WikiClipError

START_S = 120
SERVERS = {
    "service": ["-m", "service", "--port"],
    "plain-fastapi": ["-m", "benchmarks.serving.plain_app"],
    "litserve": ["-m", "benchmarks.serving.lit_app"],
}


@dataclass(frozen=True)
class Server:
    """A running one."""

    port: int
    pid: int

    def memory(self) -> int:
        """Bytes that its process holds in memory."""
        return self._status("VmRSS")

    def peak_memory(self) -> int:
        """The most that it ever held."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return 1024 * int(re.findall(rf"{name}:\s+(\d+) kB", status)[0])


@contextmanager
def server(
    system: str, home: Path, *, model: str = "tiny", log: IO[bytes] | None = None, **settings: str
) -> Iterator[Server]:
    """A server on a free port, while the block runs.

    Args:
        model: the name of a packaged checkpoint, or a checkpoint's folder.
        log: where its standard error goes; where ours goes if left out.
        settings: of the service, as WIKICLIP_NAME has them.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [str(port)] if system == "service" else [model, str(home), str(port)]
    process = subprocess.Popen(
        [sys.executable, *SERVERS[system], *arguments],
        cwd=ROOT,
        env={**os.environ, "WIKICLIP_INDEX": str(home), "WIKICLIP_MODEL": model, **settings},
        stderr=log,
        start_new_session=True,
    )
    try:
        _wait_until_it_links(port, process)
        yield Server(port, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_it_links(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline, body = time.monotonic() + START_S, next(requests(0))
    with closing(BareCaller(port)) as caller:
        while caller.ask("/link", body) != "200":
            if process.poll() is not None or time.monotonic() > deadline:
                raise WikiClipError("A server did not start; see above.")
            time.sleep(0.5)


def cache_hits(port: int) -> int:
    """Pictures that the service had kept decoded, so far; 0 for a server that has no such thing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except (OSError, urllib.error.URLError):
        return 0
    return sum(
        int(float(line.split()[1])) for line in lines if line.startswith('wikiclip_pictures_total{cached="yes"}')
    )
