"""Other programs that fetch and unpack: one fetch at a time, whose progress the user sees."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import locked


@contextmanager
def only_fetcher(work: Path) -> Iterator[int]:
    """Makes the folder `work`, and yields a lock to hand to every tool that writes there, since a tool goes on after a
    fetch that was killed. What an earlier fetch left in the folder is kept; once the block is done, it is removed."""
    work.mkdir(parents=True, exist_ok=True)
    waiting = "The default data is being fetched already: waiting for that to end ..."
    with locked(work.parent / "LOCK", when_held=lambda: typer.echo(waiting)) as lock:
        work.mkdir(exist_ok=True)
        yield lock
        shutil.rmtree(work)


def run_tool(
    command: Sequence[str | Path], *, cwd: Path, lock: int, errors_begin: str, stdout: int | None = None
) -> str:
    """Runs a tool and returns its output if `stdout` is a pipe.

    Args:
        errors_begin: how the tool marks an error.

    Raises:
        WikiClipError: it failed; the message is what it complained about first, from which later lines follow.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=(lock,),
        check=False,
    )
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith(errors_begin)]
        raise WikiClipError((errors or said[-1:] or [f"{command[0]} ended with {done.returncode}"])[0])
    return done.stdout or ""
