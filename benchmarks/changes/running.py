"""A service that takes changes, as a process of its own that may be killed."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.http.key_ring import Key, Role, checksum
from wikiclip.base.errors import WikiClipError

KEY = "wk_benchmark"
HEADERS = {"Authorization": f"Bearer {KEY}"}


@dataclass(frozen=True)
class Running:
    """A service that is ready."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """As a power cut would, but for what the system has not written: only a machine can show that."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(home: Path, folder: Path, *, model: str, processes: int = 1, nice: int | None = None) -> Iterator[Running]:
    """Starts a service over an index; it is gone after the block.

    Args:
        home: the folder of the index.
        folder: for its keys and its log.
        nice: WIKICLIP_CHANGES_NICE; the default where it is None.

    Raises:
        WikiClipError: it did not become ready; names its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys, log = folder / "keys", folder / "log"
    keys.write_text(Key("benchmark", Role.ADMIN, checksum(KEY)).line())
    keys.chmod(0o600)
    environment = {
        **os.environ,
        "WIKICLIP_INDEX": str(home),
        "WIKICLIP_MODEL": model,
        "WIKICLIP_KEYS": str(keys),
        "WIKICLIP_PROCESSES": str(processes),
        "WIKICLIP_FREE_BYTES": "0",
        "WIKICLIP_FOLLOW_S": "0.5",
        "TMPDIR": "/tmp" if processes > 1 else tempfile.gettempdir(),  # whose sockets need short paths
        **({} if nice is None else {"WIKICLIP_CHANGES_NICE": str(nice)}),
    }
    with log.open("ab") as stderr:
        command = [sys.executable, "-m", "service", "--port", "0"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr)
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline().decode())
        if found is None:
            raise WikiClipError(f"The service did not start; {log} says why.")
        yield Running(found[0], process)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
