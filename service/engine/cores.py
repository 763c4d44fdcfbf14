"""How threads that compute share the cores."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import torch

Out = TypeVar("Out")


def take_share(cores: int, *, among: int) -> None:
    """Bounds torch's threads on the calling thread: who computes alone gets all cores, and of several each a share.

    More threads than cores would wait for one another at every layer's end.
    """
    torch.set_num_threads(max(1, cores // among))


def one_thread(work: Callable[[], Out]) -> Out:
    """Does it without help from other threads of torch, where several of its kind are done at once anyway.

    Threads that once helped stay, asleep. libgomp lets threads spin while they wait for the next layer only as long as
    it keeps no more of them than there are cores, so these would slow the encoder: by half for a lone mention.
    """
    torch.set_num_threads(1)
    return work()


def compute_in_peace() -> None:
    """Tells the kernel that the calling thread computes, so that it takes no core from another as it wakes (sched(7)).

    With the event loop there are more threads than cores. Who computes waits often and shortly for the interpreter's
    lock, and would otherwise push another one, with what that has in the core's caches, aside whenever it has got it.
    The event loop, which this is not for, still comes first. Where the kernel knows no such thing, or forbids it,
    nothing changes.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
