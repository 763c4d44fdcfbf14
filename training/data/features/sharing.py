"""Whether the machines of a run share the folder of features, and whether its locks reach from one to another."""

import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from training import processes
from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import Held, locked


@dataclass(frozen=True)
class Seen:
    """What a process finds of a file that the first process made and holds.

    Attributes:
        node: the process's machine.
        shared: whether the file is there.
        taken: whether it could be held here, too.
    """

    node: int
    shared: bool
    taken: bool


def expect_locks_to_reach(folder: Path) -> None:
    """Says where machines encode the same twice, since they share no folder.

    Raises:
        WikiClipError: they share one, on a file system that keeps the locks of each machine to itself: they would write
            to the same files at once.
    """
    if processes.nodes() == 1:
        return
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".held-{processes.from_first(uuid.uuid4().hex)}"
    with ExitStack() as held:
        if processes.is_first():
            held.callback(probe.unlink)
            held.enter_context(locked(probe, wait=False))
        processes.wait()
        judge(processes.from_all(look(probe)), folder)


def look(probe: Path) -> Seen:
    """Looks for the file, and whether another machine's lock on it counts here."""
    shared = probe.name in (path.name for path in probe.parent.iterdir())  # a network's file system lists freshly
    taken = False
    if shared and processes.node():
        try:
            with locked(probe, wait=False):
                taken = True
        except Held:
            pass
    return Seen(processes.node(), shared, taken)


def judge(seen: list[Seen], folder: Path) -> None:
    """Raises WikiClipError for locks that do not reach; says which machines have a folder of their own."""
    if any(one.taken for one in seen):
        raise WikiClipError(
            f"Nodes share {folder}, but not its locks: mount it with NFS 4 and without nolock or local_lock, or give"
            " each node a folder of its own with WIKICLIP_HOME."
        )
    if alone := {one.node for one in seen if not one.shared}:
        processes.tell(
            f"{len(alone)} of {processes.nodes()} nodes do not share {folder} with the first, and encode all features"
            " themselves; share it to divide the work."
        )
