"""A held file against other processes: those that run, those that were killed, and tools that outlive their caller."""

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wikiclip.base.locks import Held, locked

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from wikiclip.base.locks import locked

with locked(Path(sys.argv[1])) as descriptor:
    if sys.argv[2:]:
        tool = subprocess.Popen(["/bin/sleep", "60"], pass_fds=(descriptor,), stdout=subprocess.DEVNULL)
        print(tool.pid, flush=True)
    else:
        print("held", flush=True)
    time.sleep(60)
"""


def start(path: Path, *arguments: str) -> tuple["subprocess.Popen[str]", str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, path, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_who_does_not_wait_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    path.write_text("as it was")
    with locked(path, wait=False), pytest.raises(Held), locked(path, wait=False):
        pass
    with locked(path, wait=False):
        assert path.read_text() == "as it was"


def test_a_process_that_was_killed_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    holder, said = start(path)
    assert said == "held"
    with pytest.raises(Held), locked(path, wait=False):
        pass

    told = []

    def kill() -> None:
        told.append("waiting")
        holder.kill()

    with locked(path, when_held=kill):
        assert told == ["waiting"]
        assert holder.wait() != 0


def test_a_wait_ends_when_it_shall_and_holds_what_became_free(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    with locked(path):
        began = time.monotonic()
        with pytest.raises(Held), locked(path, until=began + 0.2):
            pass
        assert time.monotonic() >= began + 0.2
    holder, _ = start(path)
    with locked(path, until=time.monotonic() + 60, when_held=holder.kill):
        holder.wait()
        with pytest.raises(Held), locked(path, wait=False):
            pass


def test_a_tool_that_inherits_the_descriptor_holds_on_after_its_caller_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    caller, tool = start(path, "tool")
    caller.kill()
    caller.wait()
    with pytest.raises(Held), locked(path, wait=False):
        pass
    with locked(path, when_held=lambda: subprocess.run(["/bin/kill", "-9", tool], check=True)):
        pass


def test_programs_that_lock_the_file_themselves_are_kept_out_and_keep_out(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    with path.open("a") as other:
        with locked(path), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(Held), locked(path, wait=False):
            pass
