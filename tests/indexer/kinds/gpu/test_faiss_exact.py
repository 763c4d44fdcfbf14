"""FAISS on GPUs: what can be tried without one, and, where FAISS was built for GPUs, every name that is used of it.

`tools/test-faiss-gpu.sh` runs this file against the package faiss-gpu, in an environment of its own without torch.
"""

import ast
import inspect
from pathlib import Path

import faiss
import numpy as np
import pytest

import indexer.kinds.gpu.faiss_exact as faiss_gpu
from indexer.kinds import KINDS
from indexer.kinds.brute import BruteForce
from indexer.kinds.gpu.faiss_exact import MOST, FaissGpuExact, empty_on_gpus, fill
from indexer.kinds.gpu.placement import place
from tests.indexer.kinds.gpu.needs import gpu_wheel, with_gpu, without_gpu

FP16 = KINDS["exact-fp16"]


def flat_shards(width: int, parts: int):
    """What FAISS makes of an empty flat index on several GPUs, on the CPU."""
    shards = faiss.IndexShards(width, True, True)
    for _ in range(parts):
        shards.add_shard(faiss.IndexFlatIP(width))
    return shards


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("filled_bytes", [1, 5000, faiss_gpu.FILLED_BYTES])
def test_shards_are_filled_in_the_order_of_rows(monkeypatch: pytest.MonkeyPatch, texts, parts, filled_bytes):
    monkeypatch.setattr(faiss_gpu, "FILLED_BYTES", filled_bytes)
    rows_NM, queries_BM = texts(1, 1000, 24), texts(2, 30, 24).astype(np.float32)
    index = flat_shards(24, parts) if parts > 1 else faiss.IndexFlatIP(24)
    fill(index, np.split(rows_NM, range(90, 1000, 90)), 1000)
    if parts > 1:
        assert [index.at(number).ntotal for number in range(parts)] == [333, 333, 334]
    searcher, truth = FaissGpuExact(index, BruteForce(rows_NM)), BruteForce(rows_NM)
    assert len(searcher) == 1000
    for k in (1, 10, MOST, MOST + 1):
        ours, theirs = searcher.search(queries_BM, k), truth.search(queries_BM, k)
        assert ours.rows_BK.shape == (30, k)
        np.testing.assert_allclose(ours.scores_BK, theirs.scores_BK, atol=1e-5)
    assert searcher.search(queries_BM[:0], 3).rows_BK.shape == (0, 3)
    np.testing.assert_array_equal(searcher.vectors(np.array([999, 3])), rows_NM[[999, 3]].astype(np.float32))


def test_equal_rows_come_in_their_order(texts):
    rows_NM = np.repeat(texts(1, 10, 16), 5, axis=0)
    index = flat_shards(16, 2)
    fill(index, [rows_NM], 50)
    hits = FaissGpuExact(index, BruteForce(rows_NM)).search(rows_NM[::5].astype(np.float32), 5)
    np.testing.assert_array_equal(hits.rows_BK, np.arange(50).reshape(10, 5))


def test_another_number_of_rows_than_was_said_is_refused(texts):
    for said in (29, 31):
        with pytest.raises(ValueError, match=f"than {said} rows"):
            fill(flat_shards(8, 2), [texts(1, 30, 8)], said)


@gpu_wheel
def test_every_name_that_is_used_is_in_this_faiss():
    tree = ast.parse(inspect.getsource(faiss_gpu))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _named(node.value, "faiss")}
    assert {"GpuMultipleClonerOptions", "index_cpu_to_gpus_list", "IndexShards", "get_num_gpus"} <= used
    assert {name for name in used if not hasattr(faiss, name)} == set()
    set_options = {
        target.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and _named(target.value, "options")
    }
    assert set_options == {"shard", "useFloat16", "use_cuvs"}
    options = faiss.GpuMultipleClonerOptions()
    assert {name for name in set_options if not hasattr(options, name)} == set()
    for kind in (faiss.IndexShards, faiss.GpuIndexFlat):
        assert all(hasattr(kind, name) for name in ("add", "search", "ntotal"))
    assert all(hasattr(faiss.IndexShards, name) for name in ("count", "at", "syncWithSubIndexes"))
    assert list(inspect.signature(faiss.index_cpu_to_gpus_list).parameters)[:3] == ["index", "co", "gpus"]


@gpu_wheel
@without_gpu
@pytest.mark.parametrize("gpus", [[0], [0, 1]])
def test_faiss_takes_the_options_and_misses_only_the_gpu(gpus):
    with pytest.raises(RuntimeError, match="Invalid GPU device"):
        empty_on_gpus(16, gpus)


@without_gpu
def test_without_a_gpu_the_index_stays_on_the_cpu_and_says_so(tmp_path: Path, make, texts):
    index = make(FP16, tmp_path, texts(1, 300, 24))
    placed, says = place(index, "exact-fp16", wanted="gpu")
    assert placed is index
    assert says.startswith("exact-fp16 on the CPU, although GPUs were asked for: FAISS sees no GPU; ")


@gpu_wheel
@without_gpu
def test_a_gpu_that_cannot_be_used_leaves_the_index_on_the_cpu(
    tmp_path: Path, make, texts, monkeypatch: pytest.MonkeyPatch
):
    """FAISS counts a GPU that it then does not get, as with a driver that fails."""
    monkeypatch.setattr("indexer.kinds.gpu.placement.gpu_count", lambda: 1)
    index = make(FP16, tmp_path, texts(1, 300, 24))
    placed, says = place(index, "exact-fp16")
    assert placed is index
    assert "Invalid GPU device" in says
    assert "\n" not in says


@with_gpu
def test_on_gpus_the_answers_are_those_of_the_cpu(tmp_path: Path, make, texts):
    index = make(FP16, tmp_path, texts(1, 5000, 64), (1000, 0, 1700))
    placed, says = place(index, "exact-fp16")
    assert "through FAISS" in says
    queries_BM = texts(2, 100, 64).astype(np.float32)
    ours, truth = placed.search(queries_BM, 10), index.search(queries_BM, 10)
    np.testing.assert_allclose(ours.scores_BK, truth.scores_BK, atol=1e-3)  # queries are in half precision, too


def _named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
