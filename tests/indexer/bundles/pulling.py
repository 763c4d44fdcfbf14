"""Pulls again and again, each time in a process of its own that is killed at a moment that its caller names.

Run as `python pulling.py REMOTE HOME MOMENT HOME MOMENT ...`. A moment is `bytes N`: once N bytes lie in the folder of
what is fetched; `step N`: at the Nth time that the pull is about to open, make, rename, link or remove a file; or
`none`. What each process printed, or `killed`, is a line. Processes are forked, so that each starts in milliseconds.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from indexer.bundles.pull import Pull
from indexer.bundles.remote import Remote
from indexer.bundles.traffic import Traffic

STEPS = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.chmod", "os.truncate"}


def pull(remote: str, home: Path, kill_at_step: int, bytes_per_s: int) -> None:
    steps = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event in STEPS and str(arguments[0]).startswith(str(home.parent)):
            steps += 1
            if steps == kill_at_step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    pulled = Pull(Remote(remote), home, Traffic(workers=2, bytes_per_s=bytes_per_s), key=None).version()
    print(pulled.bytes, steps, flush=True)


def fetched(home: Path) -> int:
    total = 0
    for path in (home / "pulling" / "objects").glob("*"):
        with suppress(FileNotFoundError):  # it got its name in this moment
            total += path.stat().st_size
    return total


def main(remote: str, moments: list[tuple[str, str]]) -> None:
    for name, moment in moments:
        home = Path(name)
        os.environ["WIKICLIP_HOME"] = str(home.parent / "var")
        kind, _, number = moment.partition(" ")
        child = os.fork()
        if not child:
            try:
                pull(remote, home, int(number) if kind == "step" else 0, 20_000_000 if kind == "bytes" else 0)
            finally:
                os._exit(0)
        while kind == "bytes" and fetched(home) < int(number):
            time.sleep(0.001)
        if kind == "bytes":
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], list(zip(sys.argv[2::2], sys.argv[3::2], strict=True)))
