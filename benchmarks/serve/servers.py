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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.serve.bare import BareCaller
from benchmarks.serve.callers import ROOT
from benchmarks.serve.pictures import requests
from wikiclip.base.errors import WikiClipError

START_S = 300
SEVERAL = "several"  # the service with several processes
SERVERS = {
    "service": ["-m", "service", "--port"],
    SEVERAL: ["-m", "service", "--port"],
    "plain-fastapi": ["-m", "benchmarks.serve.plain_app"],
    "litserve": ["-m", "benchmarks.serve.lit_app"],
}
RAISING = "raising"  # the service with an encoder that fails on request
COMMANDS = {**SERVERS, RAISING: ["-m", "benchmarks.serve.raising", "--port"]}


@dataclass(frozen=True)
class Server:
    """A running one."""

    port: int
    pid: int

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs it is awake; before and after it gets no processor time, and others can be measured."""
        os.killpg(self.pid, signal.SIGCONT)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGSTOP)

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
    system: str,
    home: Path,
    *,
    model: str = "tiny",
    port: int | None = None,
    folder: Path = ROOT,
    options: Sequence[str] = (),
    log: IO[bytes] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server, while the block runs.

    Args:
        model: the name of a packaged checkpoint, or a checkpoint's folder.
        port: where it listens; on a free one if left out.
        folder: whose packages it is made of; another checkout for an older one.
        options: of its command line.
        log: where its standard error goes; where ours goes if left out.
        settings: environment variables, such as WIKICLIP_DEADLINE_S.
    """
    port = port or free_port()
    arguments = [str(port)] if system in ("service", SEVERAL, RAISING) else [model, str(home), str(port)]
    process = subprocess.Popen(
        [sys.executable, *COMMANDS[system], *arguments, *options],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "WIKICLIP_INDEX": str(home.resolve()),
            "WIKICLIP_MODEL": model,
            **(settings or {}),
        },
        stderr=log,
        start_new_session=True,
    )
    try:
        _wait_until_it_links(port, process)
        yield Server(port, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGCONT)  # without which one that was stopped would not hear it
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_links(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline, body = time.monotonic() + START_S, next(requests(0))
    with closing(BareCaller(port)) as caller:
        while caller.ask("/link", body) != "200":
            if process.poll() is not None or time.monotonic() > deadline:
                raise WikiClipError("A server did not start; see above.")
            time.sleep(0.5)


def cache_hits(port: int) -> int:
    """Pictures that the service had kept decoded, so far; 0 for a server that has no such thing."""
    return counted(port, 'wikiclip_pictures_total{cached="yes"}')


def answered(port: int) -> int:
    """Requests to link that the service answered with 200, so far."""
    return counted(port, 'wikiclip_requests_total{route="/link",status="200"}')


def counted(port: int, metric: str) -> int:
    """What a server's metric says; 0 where it has none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except (OSError, urllib.error.URLError):
        return 0
    return sum(int(float(line.split()[1])) for line in lines if line.startswith(metric))
