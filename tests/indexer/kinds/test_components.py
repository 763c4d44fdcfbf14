"""Codes of fewer numbers than a vector has."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from indexer.errors import CorruptIndex
from indexer.kinds.brute import BruteForce
from indexer.kinds.components import PROJECTION, Components
from indexer.kinds.inverted import CODES, Inverted

KIND = Inverted(name="few", code=Components(1 / 4), probes=1000, depth=200)


def test_few_components_find_most_and_all_rows_find_all(tmp_path: Path, fill, texts):
    rows_NM, queries_BM = texts(1, 3000, 64), texts(2, 40, 64).astype(np.float64)
    shards = fill(KIND, tmp_path, rows_NM, (1000, 500))
    truth = BruteForce(rows_NM).search(queries_BM, 10).rows_BK
    found = KIND.open(shards, tmp_path / "shared", width=64).search(queries_BM, 10).rows_BK
    assert np.mean([np.isin(a, b).mean() for a, b in zip(truth, found, strict=True)]) > 0.8


def test_a_row_lies_in_the_list_that_a_query_looks_for_it_in(tmp_path: Path, fill, texts):
    rows_NM = texts(1, 3000, 64)
    (shard,) = fill(KIND, tmp_path, rows_NM)
    shared = KIND.code.read(tmp_path / "shared", width=64)
    codes = faiss.read_index(str(shard / CODES))
    lists = faiss.downcast_InvertedLists(codes.invlists)
    _, nearest_N1 = shared.centres.search(rows_NM.astype(np.float64), 1)
    for number in range(codes.nlist):
        held = faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number))
        assert sorted(held) == np.flatnonzero(nearest_N1[:, 0] == number).tolist()


def test_components_are_turned_and_not_stretched(tmp_path: Path, fill, texts):
    rows_NM = texts(1, 3000, 64)
    fill(KIND, tmp_path, rows_NM)
    shared = KIND.code.read(tmp_path / "shared", width=64)
    np.testing.assert_allclose(shared.projection_DM @ shared.projection_DM.T, np.eye(16), atol=1e-5)
    rows = rows_NM.astype(np.float64)
    left_NM = rows - shared.graph.reconstruct_n(0, shared.graph.ntotal)[shared.centres.search(rows, 1)[1][:, 0]]
    kept = np.square(left_NM @ shared.projection_DM.T).sum() / np.square(left_NM).sum()
    best = np.linalg.eigvalsh(left_NM.T @ left_NM)[-16:].sum() / np.square(left_NM).sum()
    assert kept == pytest.approx(best, rel=0.02)
    spread = (left_NM @ shared.projection_DM.T).std(axis=0)
    assert spread.max() < 3 * spread.min(), "no component gets much more than its share of the variance"


def test_a_projection_of_another_width_is_refused(tmp_path: Path, fill, texts):
    shards = fill(KIND, tmp_path, texts(1, 300, 64))
    np.save(tmp_path / "shared" / PROJECTION, np.eye(4, 64, dtype=np.float32))
    with pytest.raises(CorruptIndex, match="does not fit its codes"):
        KIND.open(shards, tmp_path / "shared", width=64)
