"""What the kernel's scheduler is told of threads that compute."""

import ctypes
import os
import platform
from contextlib import suppress

SLICE_NS = 100_000_000  # the longest that the kernel grants
# By machine: C libraries have no name for the call, glibc not before 2.41.
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


class _SchedAttr(ctypes.Structure):
    """`struct sched_attr` of sched_setattr(2), as it was at first."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    ]


def compute_in_peace() -> None:
    """Tells the kernel that the calling thread computes: it takes no core from another as it wakes (`SCHED_BATCH`,
    sched(7)), and keeps the one that it has for longer slices (sched_setattr(2); Linux 6.12 and later).

    There are more threads at work than cores. Each waits often and shortly for the interpreter's lock, and would
    otherwise push another one, with what that has in the core's caches, aside whenever it has got it; and two that are
    ready would take turns every millisecond or three. The event loop, which this is not for, still comes first, as does
    any other program: who wakes and asks for a shorter slice need not wait for the end of a longer one. Where the
    kernel knows no such thing, or forbids it, nothing changes.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            _ask_for_long_slices()


def _ask_for_long_slices() -> None:
    """Does nothing where the call's number is not known; where the kernel refuses it, all stays as it was."""
    number = SCHED_SETATTR.get(platform.machine())
    if number is None:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)  # of this thread; it is set anew, and must not change
    asked = _SchedAttr(size=ctypes.sizeof(_SchedAttr), policy=os.SCHED_BATCH, nice=nice, runtime=SLICE_NS)
    ctypes.CDLL(None).syscall(number, 0, ctypes.byref(asked), 0)
