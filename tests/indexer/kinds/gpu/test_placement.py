"""Where an index goes. What stands for a GPU here is torch on the CPU: the same code, one device further."""

from pathlib import Path

import numpy as np
import pytest
import torch

import indexer.kinds.gpu.placement as placement
from indexer.kinds import KINDS
from indexer.kinds.exact import ExactSearcher
from indexer.kinds.gpu.placement import place
from indexer.kinds.gpu.torch_exact import TorchExact
from indexer.kinds.kind import Hits, Searcher

FP16 = KINDS["exact-fp16"]
without_gpu = pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="a GPU is here")


@pytest.fixture
def index(tmp_path: Path, make, texts) -> ExactSearcher:
    return make(FP16, tmp_path, texts(1, 700, 24), (300,))


def in_torch(searcher: ExactSearcher) -> tuple[Searcher, str]:
    devices = [torch.device("cpu")] * 2
    return TorchExact(searcher.halves(), rows=len(searcher), width=24, devices=devices), "2 devices through torch"


def full(searcher: ExactSearcher) -> tuple[Searcher, str]:
    """Asks for memory that is nowhere, as torch does for a GPU."""
    torch.empty(2**55, dtype=torch.int8)
    raise AssertionError


class Shifted:
    """Answers with the row after the one that was meant."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    def __len__(self) -> int:
        return len(self._searcher)

    def search(self, queries_BM, k: int) -> Hits:
        hits = self._searcher.search(queries_BM, k)
        return Hits((hits.rows_BK + 1) % len(self), hits.scores_BK)


def test_the_cpu_is_taken_where_it_is_asked_for(index, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placement, "_WAYS", (in_torch,))
    placed, says = place(index, "exact-fp16", wanted="cpu")
    assert placed is index
    assert says == "exact-fp16 on the CPU, as asked."


@without_gpu
@pytest.mark.parametrize(("wanted", "says"), [("auto", ""), ("gpu", ", although GPUs were asked for")])
def test_the_cpu_is_taken_where_there_is_no_gpu(index, wanted, says):
    placed, sentence = place(index, "exact-fp16", wanted=wanted)
    assert placed is index
    assert sentence == f"exact-fp16 on the CPU{says}: FAISS sees no GPU; torch sees no GPU."


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("exact-fp16", "balanced-sq8")])
def test_other_kinds_stay_on_the_cpu(tmp_path: Path, make, texts, name, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placement, "_WAYS", (in_torch,))
    other = make(KINDS[name], tmp_path, texts(1, 300, 24))
    placed, says = place(other, name, wanted="gpu")
    assert placed is other
    assert says == (
        f"{name} on the CPU, although GPUs were asked for: of all kinds, exact-fp16 and balanced-sq8 alone are served"
        " from GPUs."
    )


def test_an_index_without_rows_stays_on_the_cpu(tmp_path: Path, make, texts):
    empty = make(FP16, tmp_path, np.empty((0, 24), dtype=np.float16))
    assert place(empty, "exact-fp16") == (empty, "exact-fp16 on the CPU: it has no rows.")


def test_an_index_that_was_placed_answers_as_before(index, texts, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placement, "_WAYS", (full, in_torch))
    placed, says = place(index, "exact-fp16")
    assert says == "exact-fp16 on 2 devices through torch."
    assert isinstance(placed, TorchExact)
    queries_BM = texts(2, 20, 24).astype(np.float32)
    np.testing.assert_array_equal(placed.search(queries_BM, 10).rows_BK, index.search(queries_BM, 10).rows_BK)


def test_a_failure_leaves_the_index_on_the_cpu_and_is_said_in_one_line(index, monkeypatch: pytest.MonkeyPatch):
    def wrong(searcher: ExactSearcher) -> tuple[Searcher, str]:
        return Shifted(in_torch(searcher)[0]), "a device that is broken"

    def unmet(searcher: ExactSearcher) -> tuple[Searcher, str]:
        raise ImportError("No module named 'torch'")

    monkeypatch.setattr(placement, "_WAYS", (full, wrong, unmet))
    placed, says = place(index, "exact-fp16")
    assert placed is index
    assert says.startswith("exact-fp16 on the CPU: [enforce fail at alloc_cpu.cpp")
    assert says.endswith("; its answers from the GPU are not those of the vectors; No module named 'torch'.")
    assert "\n" not in says


def test_a_gpu_with_too_little_memory_is_left_alone(index, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Small")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5 * 10**8, 2 * 10**9))
    placed, says = place(index, "exact-fp16")
    assert placed is index
    assert says == (
        "exact-fp16 on the CPU: FAISS sees no GPU; 2 GPUs (NVIDIA Small) with 0.5 GB free cannot each hold 0.0 GB of"
        " vectors and 0.5 GB to search them."
    )
