"""A service of several processes, started by its command line, and what can be seen of it from outside."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_S = 300


@dataclass(frozen=True)
class Family:
    """A running one; `log` is the file of its standard error."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def pids(self, title: str = "") -> list[int]:
        """The processes under the supervisor, of this title."""
        parents: dict[int, tuple[int, str]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, comm, rest = re.match(r"(\d+) \((.*)\) . (.*)", stat.read_text()).groups()  # type: ignore[union-attr]
            except OSError:
                continue
            parents[int(pid)] = int(rest.split()[0]), comm
        found = []
        for pid, (parent, comm) in parents.items():
            while parent and parent != self.process.pid:
                parent = parents.get(parent, (0, ""))[0]
            if parent and title in comm:
                found.append(pid)
        return sorted(found)

    @property
    def fronts(self) -> list[int]:
        return self.pids("wikiclip-front")

    @property
    def engines(self) -> list[int]:
        return self.pids("wikiclip-engine")


@contextmanager
def family(index: Path, folder: Path, *, wait: bool = True, **settings: object) -> Iterator[Family]:
    """Two fronts and an engine over an index, while the block runs.

    Args:
        wait: until it is ready; else it is there once it listens.
        settings: of the service, without their prefix; names in capitals are of other variables.
    """
    log = folder / "log"
    environment = {
        **os.environ,
        "WIKICLIP_INDEX": str(index),
        "WIKICLIP_PROCESSES": "2",
        "WIKICLIP_THREADS": "1",
        "WIKICLIP_FOLLOW_S": "0.2",
        "TMPDIR": str(folder),
        **{name if name.isupper() else f"WIKICLIP_{name.upper()}": str(value) for name, value in settings.items()},
    }
    port = 0 if wait else free_port()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "--port", str(port)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{port}"
        if wait:
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline().decode())
            assert found is not None, log.read_text()
            url = found[0]
        else:
            wait_until(lambda: listens(port) or process.poll() is not None)
        yield Family(url, process, log)
    finally:
        left = Family("", process, log).pids()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in left:  # of a family that did not clean up, so that a failed test leaves nothing either
            if is_alive(pid):
                wait_until(lambda pid=pid: not is_alive(pid), 60)  # type: ignore[misc]


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody does."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def is_alive(pid: int) -> bool:
    """Whether there is such a process, zombies excepted."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float = START_S) -> None:
    """Returns once it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def is_ready(url: str) -> bool:
    """What `/readyz` says, on a connection of its own."""
    try:
        return httpx.get(f"{url}/readyz", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


def counted(url: str, metric: str) -> float:
    """What `/metrics` says; all labels together."""
    lines = httpx.get(f"{url}/metrics", timeout=30).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(metric))
