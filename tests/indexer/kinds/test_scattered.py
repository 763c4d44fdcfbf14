"""Rows read here and there from a mapped file."""

import mmap
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.search.memory_pages import cached, drop_pages
from indexer.kinds.rerank import FETCHES, VECTORS, VectorStore
from indexer.kinds.scattered import ScatteredRows, disk_waits

WIDTH = 256
ROWS = 2**15  # 16 MiB, more than a system reads ahead
FEW = np.array([ROWS - 1, 0, 12_345, 20_000])
HEADER = 128  # bytes of a .npy file before its numbers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of vectors."""
    np.save(tmp_path / VECTORS, _vectors(ROWS, WIDTH))
    return tmp_path / VECTORS


def test_rows_are_fetched_before_anyone_looks(path: Path):
    rows = ScatteredRows(np.load(path, mmap_mode="r"))
    drop_pages([path])
    rows.fetch(FEW)
    pages = _pages(FEW, WIDTH)
    deadline = time.monotonic() + 300
    while not cached(path)[pages].all():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert cached(path).sum() == len(pages)
    np.testing.assert_array_equal(rows.take(FEW), _vectors(ROWS, WIDTH)[FEW])


def test_a_look_reads_nothing_that_was_not_asked_for(path: Path):
    rows = ScatteredRows(np.load(path, mmap_mode="r"))
    drop_pages([path])
    waited = disk_waits()
    np.testing.assert_array_equal(rows.take(FEW), _vectors(ROWS, WIDTH)[FEW])
    assert cached(path).sum() == len(_pages(FEW, WIDTH))
    assert disk_waits() > waited
    waited = disk_waits()
    rows.take(FEW)
    assert disk_waits() == waited


@pytest.mark.parametrize("width", [1, 3, 300, 2048, 5000])
def test_rows_of_any_width_can_be_fetched(width: int, tmp_path: Path):
    np.save(tmp_path / VECTORS, _vectors(50, width))
    rows = ScatteredRows(np.load(tmp_path / VECTORS, mmap_mode="r"))
    rows.fetch(np.arange(50))
    rows.fetch(np.arange(0))
    np.testing.assert_array_equal(rows.take(np.arange(50)), _vectors(50, width))


def test_a_store_fetches_what_is_on_the_disk_and_stops_where_all_is_in_memory(path: Path, monkeypatch):
    store, queries_BM = VectorStore([path.parent], width=WIDTH), _vectors(1, WIDTH).astype(np.float32)
    rows_N = np.random.default_rng(0).permutation(ROWS)
    fetched: list[int] = []
    fetch = ScatteredRows.fetch
    monkeypatch.setattr(ScatteredRows, "fetch", lambda rows, rows_K: (fetched.append(len(rows_K)), fetch(rows, rows_K)))

    def ask(*, first: int = 0) -> None:
        rows_BR = rows_N[None, first : first + 500]
        truth = np.einsum("brm,bm->br", _vectors(ROWS, WIDTH)[rows_BR].astype(np.float32), queries_BM)
        np.testing.assert_allclose(store.scores(queries_BM, rows_BR), truth, rtol=1e-5, atol=1e-3)

    for _ in range(FETCHES + 1):
        ask()
    assert fetched == [500] * FETCHES  # a store that was just opened takes everything to be on the disk
    drop_pages([path])
    ask()
    assert len(fetched) == FETCHES  # nobody knew
    for _ in range(FETCHES + 1):
        ask()
    assert len(fetched) == 2 * FETCHES
    ask(first=10)
    ask()
    assert len(fetched) == 2 * FETCHES  # ten rows that are waited for are not worth it


def _vectors(rows: int, width: int) -> NDArray[np.float16]:
    return np.random.default_rng(1).standard_normal((rows, width), np.float32).astype(np.float16)


def _pages(rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The pages of a file that hold these rows."""
    starts = HEADER + rows * 2 * width
    return np.unique(np.concatenate([starts // mmap.PAGESIZE, (starts + 2 * width - 1) // mmap.PAGESIZE]))
