"""Inverted lists on FAISS's GPUs: all but the clone itself can be tried on the CPU, by shards such as it makes.

`tools/test-faiss-gpu.sh` runs this file against the package faiss-gpu, in an environment of its own without torch.
"""

import ast
import inspect
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import indexer.kinds.gpu.placement as placement
from indexer.kinds import KINDS
from indexer.kinds.brute import BruteForce
from indexer.kinds.codes import finding_lists_by
from indexer.kinds.gpu import faiss_lists
from indexer.kinds.gpu.faiss_exact import MOST
from indexer.kinds.gpu.faiss_lists import FaissGpuLists, can_clone, clone_on_gpus
from indexer.kinds.gpu.placement import place
from indexer.kinds.inverted import InvertedSearcher
from indexer.kinds.kind import Searcher
from tests.indexer.kinds.gpu.needs import gpu_wheel, with_gpu, without_gpu

SQ8 = KINDS["balanced-sq8"]


def dealt_out(host: InvertedSearcher, parts: int):
    """What FAISS makes of lists on several GPUs, on the CPU: the rows of each by turns, found by flat centres."""
    codes, centres = host.shared.codes, host.shared.centres
    shards = faiss.IndexShards(codes.d, False, False)
    for part in range(parts):
        shard = faiss.IndexIVFScalarQuantizer(
            centres, codes.d, codes.nlist, codes.sq.qtype, codes.metric_type, codes.by_residual
        )
        shard.sq, shard.is_trained, shard.nprobe = codes.sq, True, host.look(1).probes
        with finding_lists_by(centres, codes):
            codes.copy_subset_to(shard, faiss.InvertedLists.SUBSET_TYPE_ID_MOD, parts, part)
        shards.add_shard(shard)
    return shards


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**16),
    sizes=st.lists(st.integers(0, 400), max_size=2),
    last=st.integers(1, 1500),
    width=st.sampled_from([8, 24]),
    parts=st.integers(1, 3),
    k=st.sampled_from([1, 10, 60, MOST + 1]),
)
def test_lists_that_are_dealt_out_find_what_the_host_finds(
    tmp_path_factory, make, texts, seed, sizes, last, width, parts, k
):
    rows_NM = texts(seed, sum(sizes) + last, width)
    host = make(SQ8, tmp_path_factory.mktemp("lists"), rows_NM, sizes)
    placed, queries_BM = FaissGpuLists(dealt_out(host, parts), host), texts(seed + 1, 5, width).astype(np.float32)
    assert len(placed) == len(rows_NM)
    ours, theirs = placed.search(queries_BM, k), host.search(queries_BM, k)
    assert ours.rows_BK.shape == (5, k)
    # With so few rows both look into all lists; equal codes at the edge of the depth may fall out otherwise.
    np.testing.assert_allclose(ours.scores_BK[:, :10], theirs.scores_BK[:, :10], atol=1e-5)
    assert placed.search(queries_BM[:0], 3).rows_BK.shape == (0, 3)
    np.testing.assert_array_equal(placed.vectors(np.array([last - 1])), rows_NM[[last - 1]].astype(np.float32))


def test_with_few_of_many_lists_they_find_nearly_all(tmp_path: Path, make, texts):
    rows_NM, queries_BM = texts(1, 12_000, 32), texts(2, 80, 32).astype(np.float32)
    host = make(SQ8, tmp_path, rows_NM)
    assert host.look(10).probes < host.shared.codes.nlist
    truth = BruteForce(rows_NM).search(queries_BM, 10)
    found = FaissGpuLists(dealt_out(host, 2), host).search(queries_BM, 10)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(truth.rows_BK, found.rows_BK, strict=True)]) > 0.95


def test_a_search_for_more_than_the_lists_should_hold_is_the_hosts(tmp_path: Path, make, texts):
    """It looks into more lists than the clone does."""
    rows_NM, queries_BM = texts(1, 12_000, 16), texts(2, 3, 16).astype(np.float32)
    host = make(SQ8, tmp_path, rows_NM)
    k = 2000
    assert host.look(k).probes > host.look(1).probes
    ours, theirs = FaissGpuLists(dealt_out(host, 2), host).search(queries_BM, k), host.search(queries_BM, k)
    np.testing.assert_array_equal(ours.rows_BK, theirs.rows_BK)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("exact-fp16", "balanced-sq8")])
def test_what_faiss_cannot_clone_is_told_apart(tmp_path: Path, make, texts, name):
    assert not can_clone(make(KINDS[name], tmp_path, texts(1, 300, 24)))


def test_an_index_that_was_placed_is_said_to_be(tmp_path: Path, make, texts, monkeypatch: pytest.MonkeyPatch):
    def on_two(searcher: InvertedSearcher) -> tuple[Searcher, str]:
        return FaissGpuLists(dealt_out(searcher, 2), searcher), "2 devices"

    monkeypatch.setattr(placement, "_WAYS_OF_LISTS", (on_two,))
    placed, says = place(make(SQ8, tmp_path, texts(1, 700, 24)), "balanced-sq8")
    assert isinstance(placed, FaissGpuLists)
    assert says == "balanced-sq8 on 2 devices."


@without_gpu
def test_without_a_gpu_the_lists_stay_on_the_cpu_and_say_so(tmp_path: Path, make, texts):
    index = make(SQ8, tmp_path, texts(1, 300, 24))
    placed, says = place(index, "balanced-sq8", wanted="gpu")
    assert placed is index
    assert says == "balanced-sq8 on the CPU, although GPUs were asked for: FAISS sees no GPU."


@gpu_wheel
def test_every_name_that_is_used_is_in_this_faiss():
    tree = ast.parse(inspect.getsource(faiss_lists))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _named(node.value, "faiss")}
    assert {"GpuMultipleClonerOptions", "INDICES_64_BIT", "index_cpu_to_gpus_list"} <= used
    assert {name for name in used if not hasattr(faiss, name)} == set()
    set_options = {
        target.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and _named(target.value, "options")
    }
    assert set_options == {"shard", "indicesOptions", "use_cuvs"}
    options = faiss.GpuMultipleClonerOptions()
    assert {name for name in set_options if not hasattr(options, name)} == set()
    assert all(hasattr(faiss.GpuIndexIVFScalarQuantizer, name) for name in ("search", "ntotal", "nprobe"))


@gpu_wheel
@without_gpu
@pytest.mark.parametrize("gpus", [[0], [0, 1]])
def test_faiss_takes_the_lists_and_misses_only_the_gpu(tmp_path: Path, make, texts, gpus):
    host = make(SQ8, tmp_path, texts(1, 900, 24))
    before = host.shared.codes.nprobe
    with pytest.raises(RuntimeError, match="Invalid GPU device"):
        clone_on_gpus(host, gpus)
    assert host.shared.codes.nprobe == before
    assert len(host.search(texts(2, 1, 24).astype(np.float32), 5).rows_BK) == 1  # the host is as it was


@with_gpu
def test_on_gpus_the_answers_are_those_of_the_cpu(tmp_path: Path, make, texts):
    index = make(SQ8, tmp_path, texts(1, 12_000, 64), (5000, 0, 1700))
    placed, says = place(index, "balanced-sq8")
    assert "through FAISS" in says
    queries_BM = texts(2, 100, 64).astype(np.float32)
    ours, truth = placed.search(queries_BM, 10), index.search(queries_BM, 10)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(truth.rows_BK, ours.rows_BK, strict=True)]) > 0.98


def _named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
