import threading
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.errors import CorruptIndex
from indexer.shards import BruteForce, ExactShards, write_exact
from wikiclip.errors import WikiClipError

ROUNDING = 2e-3  # of FAISS's half-precision arithmetic, for vectors of a length near 4


def rows(seed: int, count: int, width: int) -> NDArray[np.float16]:
    """Rounded coarsely, so that equal scores and equal rows happen."""
    return np.round(np.random.default_rng(seed).normal(size=(count, width)), 1).astype(np.float16)


def exact(folder: Path, rows_NM: NDArray[np.float16], *, shard_rows: int, block: int = 3) -> ExactShards:
    blocks = [rows_NM[start : start + block] for start in range(0, len(rows_NM), block)]
    paths = write_exact(blocks, folder, width=rows_NM.shape[1], shard_rows=shard_rows)
    assert len(paths) == -(-len(rows_NM) // shard_rows)
    return ExactShards(paths, width=rows_NM.shape[1])


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    width=st.sampled_from([1, 3, 8, 17, 32]),
    queries=st.integers(1, 5),
    k=st.integers(1, 70),
    shard_rows=st.integers(1, 70),
    block=st.integers(1, 20),
)
def test_agrees_with_brute_force(tmp_path_factory, seed, count, width, queries, k, shard_rows, block):
    rows_NM, queries_BM = rows(seed, count, width), rows(seed + 1, queries, width).astype(np.float32)
    ours = exact(tmp_path_factory.mktemp("shards"), rows_NM, shard_rows=shard_rows, block=block).search(queries_BM, k)
    truth = BruteForce(rows_NM).search(queries_BM, k)

    held = min(k, count)
    np.testing.assert_allclose(ours.scores_BK[:, :held], truth.scores_BK[:, :held], atol=ROUNDING * width**0.5)
    for found, scores, query in zip(ours.rows_BK[:, :held], ours.scores_BK[:, :held], queries_BM, strict=True):
        assert len(set(found)) == held
        np.testing.assert_allclose(rows_NM[found].astype(np.float32) @ query, scores, atol=ROUNDING * width**0.5)
        for this, following in zip(range(held), range(1, held), strict=False):
            assert (scores[this], -found[this]) > (scores[following], -found[following])
    for hits in (ours, truth):
        assert (hits.rows_BK[:, held:] == -1).all()
        assert (hits.scores_BK[:, held:] == -np.inf).all()


def test_half_precision_is_kept_as_it_was_given(tmp_path: Path):
    rows_NM = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float16)
    (path,) = write_exact([rows_NM], tmp_path, width=8)
    kept = faiss.read_index(str(path)).reconstruct_n(0, 50)
    np.testing.assert_array_equal(kept, rows_NM.astype(np.float32))


def test_equal_input_gives_equal_files_however_it_is_cut(tmp_path: Path):
    rows_NM = rows(1, 40, 8)
    contents = set()
    for block in (1, 7, 40):
        folder = tmp_path / str(block)
        folder.mkdir()
        exact(folder, rows_NM, shard_rows=16, block=block)
        contents.add(b"".join(path.read_bytes() for path in sorted(folder.iterdir())))
    assert len(contents) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_bounded_for_every_caller(tmp_path: Path, threads: int):
    paths = write_exact([rows(2, 100, 8)], tmp_path, width=8)
    index, seen = ExactShards(paths, width=8, threads=threads), []

    def call() -> None:
        index.search(np.ones((4, 8), dtype=np.float32), 3)
        seen.append(faiss.omp_get_max_threads())

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert seen == [threads] * 4


def test_a_shard_of_another_kind_of_file_is_refused(tmp_path: Path):
    (path := tmp_path / "00000.faiss").write_bytes(b"Zzzz" * 100)
    with pytest.raises(CorruptIndex, match=r"00000\.faiss"):
        ExactShards([path], width=8)


def test_a_full_disk_is_said_in_one_line(tmp_path: Path):
    with pytest.raises(WikiClipError, match="is the disk full"):
        write_exact([rows(3, 10, 8)], tmp_path / "no" / "folder", width=8)
