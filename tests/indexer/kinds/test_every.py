"""What every kind promises, whatever it is made of."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexer.errors import CorruptIndex
from indexer.kinds import GONE, KINDS, SHORT, kind_of
from indexer.kinds.brute import BruteForce
from wikiclip.base.errors import WikiClipError

every = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
CLOSE = 0.02  # of a score of unit vectors, in one byte a number


@every
@pytest.mark.parametrize("count", [1, 20, 300])
def test_a_small_index_gives_all_its_rows_and_then_none(tmp_path: Path, make, texts, kind, count):
    rows_NM, queries_BM = texts(1, count, 16), texts(2, 5, 16).astype(np.float32)
    index, truth = make(kind, tmp_path, rows_NM), BruteForce(rows_NM).search(queries_BM, count + 7)
    hits = index.search(queries_BM, count + 7)
    assert len(index) == count
    assert hits.rows_BK.dtype == np.int64
    assert hits.scores_BK.dtype == np.float32
    np.testing.assert_array_equal(np.sort(hits.rows_BK[:, :count], axis=1), np.tile(np.arange(count), (5, 1)))
    np.testing.assert_allclose(hits.scores_BK[:, :count], truth.scores_BK[:, :count], atol=CLOSE)
    assert (np.diff(hits.scores_BK[:, :count]) <= 0).all()
    assert (hits.rows_BK[:, count:] == -1).all()
    assert (hits.scores_BK[:, count:] == -np.inf).all()


@every
def test_shards_that_are_filled_apart_are_one_index(tmp_path: Path, make, texts, kind):
    rows_NM, queries_BM = texts(1, 1500, 16), texts(2, 40, 16).astype(np.float32)
    one, apart = make(kind, tmp_path / "1", rows_NM), make(kind, tmp_path / "3", rows_NM, (700, 1, 0))
    for k in (1, 10, 300):
        ours, theirs = apart.search(queries_BM, k), one.search(queries_BM, k)
        np.testing.assert_array_equal(ours.rows_BK, theirs.rows_BK)
        np.testing.assert_array_equal(ours.scores_BK, theirs.scores_BK)
    rows_K = np.array([0, 699, 700, 701, 1499, 3])
    np.testing.assert_allclose(apart.vectors(rows_K), rows_NM[rows_K].astype(np.float32), atol=CLOSE)


@every
def test_equal_vectors_give_equal_files(tmp_path: Path, fill, texts, kind):
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        fill(kind, folder, texts(3, 1200, 16), (500,))
        contents.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert contents[0] == contents[1]


@every
def test_most_of_the_ten_best_are_found(tmp_path: Path, make, texts, kind):
    rows_NM, queries_BM = texts(1, 4000, 32), texts(2, 100, 32).astype(np.float32)
    ours, truth = make(kind, tmp_path, rows_NM).search(queries_BM, 10), BruteForce(rows_NM).search(queries_BM, 10)
    found = np.mean([np.isin(a, b).mean() for a, b in zip(truth.rows_BK, ours.rows_BK, strict=True)])
    assert found > 0.85


@every
def test_equal_rows_come_in_their_order(tmp_path: Path, make, texts, kind):
    rows_NM = np.repeat(texts(1, 10, 16), 5, axis=0)
    hits = make(kind, tmp_path, rows_NM).search(rows_NM[::5].astype(np.float32), 5)
    np.testing.assert_array_equal(hits.rows_BK, np.arange(50).reshape(10, 5))


@every
def test_no_query_and_no_row_are_no_mistake(tmp_path: Path, fill, texts, kind):
    (shard,) = fill(kind, tmp_path, texts(1, 30, 16))
    index = kind.open([shard], tmp_path / "shared", width=16)
    assert index.search(np.empty((0, 16), dtype=np.float32), 3).rows_BK.shape == (0, 3)
    assert index.vectors(np.empty(0, dtype=np.int64)).shape == (0, 16)
    (tmp_path / "none").mkdir()
    kind.write(np.empty((0, 16), dtype=np.float16), tmp_path / "none", tmp_path / "shared")
    empty = kind.open([tmp_path / "none"], tmp_path / "shared", width=16)
    hits = empty.search(np.ones((2, 16), dtype=np.float32), 3)
    assert (hits.rows_BK == -1).all()
    assert (hits.scores_BK == -np.inf).all()


@every
def test_one_index_answers_many_threads(tmp_path: Path, make, texts, kind):
    queries_BM = texts(2, 60, 16).astype(np.float32)
    index = make(kind, tmp_path, texts(1, 1500, 16), (800,))
    alone = index.search(queries_BM, 5)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda q: index.search(queries_BM[q : q + 1], 5), range(60)))
    np.testing.assert_array_equal(np.concatenate([hits.rows_BK for hits in together]), alone.rows_BK)


@every
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_bounded_for_every_caller(tmp_path: Path, fill, texts, kind, threads):
    index = kind.open(fill(kind, tmp_path, texts(1, 60, 8)), tmp_path / "shared", width=8, threads=threads)
    seen = []

    def call() -> None:
        index.search(np.ones((4, 8), dtype=np.float32), 3)
        seen.append(faiss.omp_get_max_threads())

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert seen == [threads] * 3


@every
def test_a_damaged_file_is_refused_in_one_line_that_names_it(tmp_path: Path, fill, texts, kind):
    (shard,) = fill(kind, tmp_path, texts(1, 300, 16))
    for path in shard.iterdir():
        whole = path.read_bytes()
        for damaged in (b"", b"Zzzz" * 100, whole[:200], whole[:-1]):
            path.write_bytes(damaged)
            with pytest.raises(CorruptIndex, match=path.name) as error:
                kind.open([shard], tmp_path / "shared", width=16)
            assert "\n" not in str(error.value)
        path.write_bytes(whole)
    assert len(kind.open([shard], tmp_path / "shared", width=16)) == 300
    with pytest.raises(CorruptIndex, match="width"):
        kind.open([shard], tmp_path / "shared", width=8)


@pytest.mark.parametrize("kind", [kind for name, kind in KINDS.items() if name != "exact-fp16"], ids=lambda k: k.name)
def test_damage_to_what_shards_share_is_refused_before_one_is_written(tmp_path: Path, fill, texts, kind):
    rows_NM = texts(1, 300, 16)
    (shard,) = fill(kind, tmp_path, rows_NM)
    paths = list((tmp_path / "shared").iterdir())
    assert paths
    for path in paths:
        whole = path.read_bytes()
        for damaged in (b"", b"Zzzz" * 100, whole[:200], whole[:-1]):
            path.write_bytes(damaged)
            with pytest.raises(CorruptIndex, match=path.name):
                kind.write(rows_NM, shard, tmp_path / "shared")
        path.write_bytes(whole)


@every
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, fill, texts, kind):
    (shard,) = fill(kind, tmp_path, texts(1, 2000, 16))
    for name in [path.name for path in shard.iterdir()]:
        (full := tmp_path / f"full {name}").mkdir()
        (full / name).symlink_to("/dev/full")
        with pytest.raises(WikiClipError, match=rf"{name} .*is the disk full\? \(No space left on device\)"):
            kind.write(texts(1, 2000, 16), full, tmp_path / "shared")


@every
def test_what_it_takes_is_what_it_said(tmp_path: Path, fill, texts, kind):
    fill(kind, tmp_path, texts(1, 5000, 16), (3000,))
    disk = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert kind.cost(5000, 16).disk == pytest.approx(disk, rel=0.25)


def test_kinds_are_found_by_name_and_by_short_name():
    assert all(kind_of(name).name == name for name in KINDS)
    assert {short: kind_of(short).name for short in SHORT} == SHORT
    with pytest.raises(WikiClipError, match=r"'annoy'; choose one of exact, balanced, compact, exact-fp16"):
        kind_of("annoy")


@pytest.mark.parametrize(("gone", "instead"), GONE.items())
def test_a_kind_that_is_gone_is_refused_in_a_sentence_that_says_what_to_build(gone, instead):
    assert gone not in KINDS
    assert instead in SHORT
    with pytest.raises(WikiClipError, match=rf"^The index kind {gone} is gone: make .* --index {instead}`\.$"):
        kind_of(gone)


@every
def test_the_vectors_that_it_was_given_are_kept(tmp_path: Path, fill, texts, kind):
    rows_NM = texts(1, 900, 16)
    shards = fill(kind, tmp_path, rows_NM, (500, 0))
    kept = [kind.kept(shard, width=16) for shard in shards]
    assert [len(part) for part in kept] == [500, 0, 400]
    assert np.concatenate(kept).tobytes() == rows_NM.tobytes()
