"""A release whose writing is killed again and again, and is the same to the byte in the end."""

import os
import random
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from tqdm import tqdm

from benchmarks.kills.steps import count_steps
from benchmarks.release.faults import Fault
from benchmarks.release.publishing import Plan
from benchmarks.release.words import words
from benchmarks.release.write import write_release

PLAN = Plan(
    records=40, questions=6, pictures=10, mask_gb=0.0001, faults=(Fault.DUPLICATE_RECORD, Fault.DUPLICATE_QUESTION)
)

pytestmark = pytest.mark.data


def attempt(folder: Path, kill_before: int) -> bool:
    """Whether the writing came to its end in a process that is killed before a step on the folder."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        tqdm.set_lock(threading.RLock())  # its own is shared with us, and kept by who is killed with it
        count_steps(folder, kill_before=kill_before)
        try:
            write_release(folder, PLAN)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # the processes that make records, which it leaves behind
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("own_home")
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path):
    words()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    write_release(whole, PLAN)
    draw = random.Random(0)
    kills = 0
    while not attempt(killed, draw.randrange(120)):
        kills += 1
    assert kills > 3
    assert files(killed) == files(whole)
    for name in files(whole):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
