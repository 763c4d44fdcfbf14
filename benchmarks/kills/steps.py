"""What a process does to a folder, step by step, and its end before one of these steps."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Which arguments of an event name a path. An opened file is a step for those who read, too: it is what lies between.
PATHS = {"open": 1, "os.rename": 2, "os.link": 2, "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1}


def count_steps(folder: Path, *, kill_before: int | str | None = None) -> list[str]:
    """Begins to list the steps of this process on what lies below a folder; there is no way to end it.

    Args:
        kill_before: the step that the process does not live to take: its number, or a text that it is the first with.
    """
    steps: list[str] = []

    def hook(event: str, arguments: Sequence[Any]) -> None:
        step = _step(event, arguments, os.fspath(folder))
        if step is not None:
            if len(steps) == kill_before or (isinstance(kill_before, str) and kill_before in step):
                os.kill(os.getpid(), signal.SIGKILL)
            steps.append(step)

    sys.addaudithook(hook)
    return steps


def _step(event: str, arguments: Sequence[Any], folder: str) -> str | None:
    """Such as "os.rename building/x versions/y"; None for what does not concern the folder."""
    if event not in PATHS:
        return None
    paths = [str(path) for path in arguments[: PATHS[event]]]
    inside = any(f"{path}/".startswith(f"{folder}/") for path in paths)
    # A folder that is removed is gone through by descriptors, and what lies in it is named from there.
    if not inside and not (event in ("os.remove", "os.rmdir") and arguments[1] != -1):
        return None
    return " ".join([event, *(path.removeprefix(folder).removeprefix("/") for path in paths)])
