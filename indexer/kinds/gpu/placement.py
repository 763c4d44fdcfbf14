"""Where an index is searched: on FAISS's GPUs, else on those that torch sees, else on the CPU. Always says which.

Axes: Q query, M vector width.
"""

import re
from collections.abc import Callable
from functools import partial

import numpy as np

from indexer.kinds.exact import ExactSearcher
from indexer.kinds.gpu.faiss_exact import FaissGpuExact, empty_on_gpus, fill, gpu_count
from indexer.kinds.gpu.faiss_lists import FaissGpuLists, can_clone, clone_on_gpus
from indexer.kinds.inverted import InvertedSearcher
from indexer.kinds.kind import Searcher
from indexer.kinds.milvus.searcher import MilvusSearcher
from wikiclip.base.machine import DeviceChoice

TRIED = 8  # rows that must find themselves where they were placed
TOLERANCE = 1e-2  # of the score of a row with itself; half precision loses 1e-3
REASON = 200  # characters of what FAISS or torch says about a failure


class Unplaced(RuntimeError):
    """Why an index is not on a GPU."""


def place(searcher: Searcher, kind_name: str, *, wanted: DeviceChoice = "auto") -> tuple[Searcher, str]:
    """(what to search with, a sentence that says where it is, and why not elsewhere).

    A GPU that is there but cannot be used, for its memory or its driver, is no error: the index is searched on the CPU.

    Args:
        searcher: an open index, which goes on to be needed.
        kind_name: the name of its kind.
        wanted: "cpu" looks for no GPU and does not import torch; "gpu" differs from "auto" in what it says where there
            is none.
    """
    if isinstance(searcher, MilvusSearcher):
        return searcher, searcher.where
    if wanted == "cpu":
        return searcher, f"{kind_name} on the CPU, as asked."
    on_cpu = f"{kind_name} on the CPU" + (", although GPUs were asked for" if wanted == "gpu" else "")
    if isinstance(searcher, ExactSearcher):
        ways = [partial(way, searcher) for way in _WAYS]
    elif isinstance(searcher, InvertedSearcher) and can_clone(searcher):
        ways = [partial(way, searcher) for way in _WAYS_OF_LISTS]
    else:
        return searcher, f"{on_cpu}: of all kinds, exact-fp16 and balanced-sq8 alone are served from GPUs."
    if len(searcher) == 0:
        return searcher, f"{on_cpu}: it has no rows."
    why_not = []
    for way in ways:
        try:
            placed, where = way()
            _must_find_itself(placed, searcher)
        except (RuntimeError, MemoryError, ImportError) as error:
            why_not.append(_in_one_line(error))
        else:
            return placed, f"{kind_name} on {where}."
    return searcher, f"{on_cpu}: {'; '.join(why_not)}."


def _through_faiss(searcher: ExactSearcher) -> tuple[Searcher, str]:
    count = gpu_count()
    if count == 0:
        raise Unplaced("FAISS sees no GPU")
    index = empty_on_gpus(_width(searcher), list(range(count)))
    fill(index, searcher.halves(), len(searcher))
    return FaissGpuExact(index, searcher), f"{_gpus(count)} through FAISS"


def _through_torch(searcher: ExactSearcher) -> tuple[Searcher, str]:
    import torch  # takes a second, which those who search on the CPU should not wait

    from indexer.kinds.gpu.torch_exact import TorchExact, bytes_on_each, scratch_bytes

    if torch.cuda.is_available():
        devices = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
        name = torch.cuda.get_device_name(devices[0])
        free = min(torch.cuda.mem_get_info(device)[0] for device in devices)
    elif torch.backends.mps.is_available():
        devices, name = [torch.device("mps")], "Apple"
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    else:
        raise Unplaced("torch sees no GPU")
    width = _width(searcher)
    share = bytes_on_each(len(searcher), width, len(devices))
    scratch = scratch_bytes(len(searcher), len(devices))
    if share + scratch > free:
        needed = f"{share / 1e9:.1f} GB of vectors and {scratch / 1e9:.1f} GB to search them"
        raise Unplaced(f"{_gpus(len(devices))} ({name}) with {free / 1e9:.1f} GB free cannot each hold {needed}")
    placed = TorchExact(searcher.halves(), rows=len(searcher), width=width, devices=devices)
    where = f"{_gpus(len(devices))} through torch: {name}, {share / 1e9:.2f} GB of vectors on each"
    if placed.fused_from is not None:
        where += ", scored in one kernel" + (f" from {placed.fused_from} queries on" if placed.fused_from > 1 else "")
    return placed, where


def _lists_through_faiss(searcher: InvertedSearcher) -> tuple[Searcher, str]:
    count = gpu_count()
    if count == 0:
        raise Unplaced("FAISS sees no GPU")
    index = clone_on_gpus(searcher, list(range(count)))
    return FaissGpuLists(index, searcher), f"{_gpus(count)} through FAISS, put in order again on the host"


_WAYS: tuple[Callable[[ExactSearcher], tuple[Searcher, str]], ...] = (_through_faiss, _through_torch)
_WAYS_OF_LISTS: tuple[Callable[[InvertedSearcher], tuple[Searcher, str]], ...] = (_lists_through_faiss,)


def _must_find_itself(placed: Searcher, searcher: Searcher) -> None:
    """Asks for some rows by their own vectors, which also loads what a first search has to.

    Raises:
        Unplaced: the answers cannot be right.
    """
    tried_QM = searcher.vectors(np.unique(np.linspace(0, len(searcher) - 1, TRIED).astype(np.int64)))
    hits = placed.search(tried_QM, 1)
    own_Q = np.vecdot(tried_QM, tried_QM)
    if len(placed) == len(searcher) and (hits.rows_BK >= 0).all():
        true_Q = np.vecdot(tried_QM, searcher.vectors(hits.rows_BK[:, 0]))
        near_Q = np.abs(hits.scores_BK[:, 0] - true_Q) <= TOLERANCE * own_Q
        if (near_Q & (true_Q >= (1 - TOLERANCE) * own_Q)).all():
            return
    raise Unplaced("its answers from the GPU are not those of the vectors")


def _width(searcher: Searcher) -> int:
    return int(searcher.vectors(np.empty(0, dtype=np.int64)).shape[1])


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


def _in_one_line(error: BaseException) -> str:
    """What went wrong. FAISS first says where, at length, and torch afterwards gives advice."""
    said = re.sub(r"^Error in .*? at \S+:\d+: ", "", " ".join(str(error).split())).rstrip(".") or type(error).__name__
    return said if len(said) <= REASON else f"{said[:REASON]} ..."
