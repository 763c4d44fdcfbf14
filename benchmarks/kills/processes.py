"""Processes of the commands that change an index, each forked from one that has read everything before.

A command of its own takes some ten seconds to import torch, to read the model and to trace it, and a kill in that time
tells little. So one process does that once, before any thread computes, and forks for each command. The child then does
what `python -m indexer.update` would do, with the same command line, and computes with threads of its own.
"""

import json
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import typer
from PIL import Image
from tqdm import tqdm

from benchmarks.kills.steps import count_steps
from wikiclip.base.command import run

MODEL = "tiny"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A command, and when it is to be killed.

    Attributes:
        module: such as "indexer.update".
        arguments: of its command line.
        home: the folder that keeps the versions, whose changes are its steps.
        log: what it says goes there; its steps go beside.
        seconds, step: it is killed after so many seconds, or before the step of this number.
    """

    module: str
    arguments: Sequence[str]
    home: Path
    log: Path
    seconds: float | None = None
    step: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended.

    Attributes:
        code: as the shell has it, or -9.
        seconds: from the fork to the end.
        steps: what it did to the folder; nothing where it was killed.
        said: what it printed.
    """

    code: int
    seconds: float
    steps: Sequence[str]
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Starter:
    """The process that the commands are forked from."""

    def __init__(self, tasks: "Connection[Task, tuple[int, float]]") -> None:
        self._tasks = tasks

    def run(self, task: Task) -> Ended:
        """Carries a command out, to its end or to where it is killed."""
        steps = task.log.with_suffix(".steps")
        steps.unlink(missing_ok=True)
        self._tasks.send(task)
        status, seconds = self._tasks.recv()
        return Ended(
            code=os.waitstatus_to_exitcode(status),
            seconds=seconds,
            steps=json.loads(steps.read_text()) if steps.exists() else (),
            said=task.log.read_text(encoding="utf-8"),
        )


@contextmanager
def open_starter() -> Iterator[Starter]:
    """Yields a starter whose first command waits until everything is read."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Starter(ours)
    finally:
        ours.close()
        process.join()


def _serve(tasks: "Connection[tuple[int, float], Task]") -> None:
    """Forks for one task after the other, until the other side closes."""
    import faiss
    import torch

    from indexer import build, update, versions
    from indexer.embedding.replicas import open_replicas
    from wikiclip.model import WikiClip
    from wikiclip.pictures import Picture

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that there is no thread of torch's to be lost in a fork
    model = WikiClip.load(MODEL)
    replicas, picture = open_replicas(model, "cpu"), Picture(Image.new("RGB", (24, 18)), None)
    for _ in range(3):  # what is traced is compiled as it is first called
        replicas.encode([replicas.prepare("A kettle", picture)])
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(1)  # several would wait for each other longer than they compute
    tqdm.set_lock(threading.RLock())  # its own is shared by all that are forked, and kept by who is killed with it
    for owner, name, ready in (
        (WikiClip, "load", model),
        (build, "open_replicas", replicas),
        (update, "open_replicas", replicas),
    ):
        setattr(owner, name, lambda *asked, ready=ready: ready)
    apps = {module.__name__: module.app for module in (build, update, versions)}
    while True:
        try:
            task = tasks.recv()
        except EOFError:
            return
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _carry_out(task, apps[task.module])
        ended = os.pidfd_open(child)
        if not select.select([ended], [], [], task.seconds)[0]:
            os.kill(child, signal.SIGKILL)  # its number is not anybody else's before it was waited for
        os.close(ended)
        _, status = os.waitpid(child, 0)
        tasks.send((status, time.monotonic() - started))


def _carry_out(task: Task, app: typer.Typer) -> NoReturn:
    """What `python -m` does with the module, in a process that ends with it."""
    code = 1
    try:
        with task.log.open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        sys.argv = [task.module, *task.arguments]
        steps = count_steps(task.home, kill_before=task.step)
        try:
            run(app)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        task.log.with_suffix(".steps").write_text(json.dumps(steps))
    except BaseException:  # noqa: BLE001 - the child must not go on as its parent, and the log tells
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
