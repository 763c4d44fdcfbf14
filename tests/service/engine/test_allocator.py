import os
import platform
import subprocess
import sys

import pytest

# Four blocks of 25 MB at once, which a heap of 64 MB does not hold, on a thread; later rounds are counted alone.
ROUNDS = """
import resource, sys, threading
from service.engine.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()

def work(rounds):
    for _ in range(rounds):
        blocks = [b"x" * 25_000_000 for _ in range(4)]

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def both():
    work(3)
    before = faults()
    work(5)
    print((faults() - before) // 5)

thread = threading.Thread(target=both)
thread.start()
thread.join()
"""
PAGES = 4 * 25_000_000 // 4096

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library, which is left as it is")


def faults_a_round(mode: str, **variables: str) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", ROUNDS, mode]
    done = subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


@glibc
def test_what_is_freed_is_not_asked_of_the_kernel_again() -> None:
    assert faults_a_round("keep") < PAGES / 100
    assert faults_a_round("leave") > PAGES / 4


@glibc
def test_a_variable_of_the_allocator_decides_alone() -> None:
    assert faults_a_round("keep", MALLOC_ARENA_MAX="8") > PAGES / 4
