"""The processes of one run, as `torchrun` starts them; one alone where it does not."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
import typer
from torch import Tensor, nn

# A node that keeps its own features may encode for hours after another has all of its own. That a process died is
# noticed by `torchrun`, which ends the others.
PATIENCE = timedelta(days=1)
T = TypeVar("T")


@contextmanager
def joined_processes() -> Iterator[None]:
    """Meets the other processes of a `torchrun`, and parts from them at the end. Does nothing without `torchrun`."""
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield
        dist.barrier()  # who leaves while another still receives from it may end that one with an abort
    finally:
        dist.destroy_process_group()


def number() -> int:
    """Returns this process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Returns whether this process is the one that prints and writes what all have in common."""
    return number() == 0


def count() -> int:
    """Returns how many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def node() -> int:
    """Returns the number of the machine that this process is on, from 0; as `torchrun` counts its launchers."""
    return int(os.environ.get("GROUP_RANK", 0)) if dist.is_initialized() else 0


def nodes() -> int:
    """Returns how many machines there are."""
    return int(os.environ.get("GROUP_WORLD_SIZE", 1)) if dist.is_initialized() else 1


def from_first(value: T) -> T:
    """Returns what the first process has; what the others hand over does not count."""
    if count() == 1:
        return value
    told = [value]
    dist.broadcast_object_list(told)
    return told[0]


def from_all(value: T) -> list[T]:
    """Returns what each process has, in their order."""
    if count() == 1:
        return [value]
    told: list[T] = [value] * count()
    dist.all_gather_object(told, value)
    return told


def wait() -> None:
    """Goes on when every process has come here."""
    if count() > 1:
        dist.barrier()


def share(items: int) -> range:
    """Returns this process's stretch of some items; all but the last stretches are equally long."""
    each = -(-items // count())
    return range(min(number() * each, items), min((number() + 1) * each, items))


def gather(mine: Tensor, items: int) -> Tensor:
    """Returns everyone's stretches [own, M] put together, [items, M]. No gradient flows through."""
    if count() == 1:
        return mine
    each = -(-items // count())
    padded = mine.new_zeros(each, *mine.shape[1:])
    padded[: len(mine)] = mine
    parts = [torch.empty_like(padded) for _ in range(count())]
    dist.all_gather(parts, padded)
    return torch.cat(parts)[:items]


def add_up(parameters: Iterable[nn.Parameter]) -> None:
    """Sums gradients over the processes; a parameter that has none counts as zero."""
    if count() == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad)


def tell(line: str) -> None:
    """Prints a line on stderr, once however many processes share the work."""
    if is_first():
        typer.echo(line, err=True)
