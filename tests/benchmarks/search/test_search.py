import json
import mmap
import os
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import benchmarks.search.one_system as one_system
from benchmarks.search.__main__ import built_folder, measured, search
from benchmarks.search.measure import latency, rate, recall
from benchmarks.search.memory_pages import anonymous_bytes, cached, drop_pages
from benchmarks.search.one_system import Row, Task
from benchmarks.search.systems import SYSTEMS
from benchmarks.search.tables import at_equal_recall, fastest
from benchmarks.search.truth import kept_truth, truth_path
from benchmarks.search.vectors import VectorSet


def task_for(name: str, vectors: VectorSet, folder: Path) -> Task:
    kept_truth(vectors.queries(), vectors.rows(), 10, vectors.folder)
    return Task(
        action="search",
        system=name,
        rows=len(vectors.rows()),
        vectors=vectors.path,
        queries=vectors.folder / "queries.npy",
        truth=truth_path(vectors.folder, len(vectors.rows()), 10),
        folder=folder / name,
        threads=1,
        single_threads=1,
        seconds=0.01,
    )


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_finds_what_there_is(name: str, vectors: VectorSet, tmp_path: Path):
    if find_spec(SYSTEMS[name].package) is None:
        pytest.skip(f"{SYSTEMS[name].package} is not installed")
    task, held_gb = task_for(name, vectors, tmp_path), anonymous_bytes() / 1e9
    one_system.build(task)
    rows = one_system.search(task)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(rows) == len(SYSTEMS[name].settings())
    assert max(row.recall10 for row in rows) > (0.99 if name == "exact-fp16" else 0.95)
    for row in rows:
        assert 0 < row.p50_ms <= row.p99_ms
        assert row.qps64 > 0
        assert 0 < row.disk_gb < 1
        assert 0.01 < row.anon_gb < held_gb + 1


def test_the_command_writes_every_system_and_builds_nothing_twice(
    vectors: VectorSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def rows_of_a_run() -> list[dict[str, object]]:
        search(rows=2000, graph_rows=1000, systems="exact-fp16,faiss-hnswflat", json_file=tmp_path / "rows.json",
               seconds=0.01, single_threads=1, memory_gb=None, cgroup=None, chunk=128)  # fmt: skip
        return json.loads((tmp_path / "rows.json").read_text())

    rows = rows_of_a_run()
    assert {(row["system"], row["rows"]) for row in rows} == {("exact-fp16", 2000), ("faiss-hnswflat", 1000)}
    needed = {"system", "params", "rows", "dim", "recall10", "p50_ms", "p99_ms", "qps64", "anon_gb", "disk_gb"}
    assert all(row.keys() >= needed | {"build_s"} for row in rows)
    said = " ".join(capsys.readouterr().out.split())
    assert "relative contrast" in said
    assert "On fewer rows than the others" in said
    built = {path: path.stat().st_mtime_ns for path in vectors.folder.rglob("built.json")}
    rows_of_a_run()
    assert {path: path.stat().st_mtime_ns for path in vectors.folder.rglob("built.json")} == built


def test_a_search_beyond_its_memory_ends(vectors: VectorSet, tmp_path: Path):
    task = task_for("faiss-ivfflat", vectors, tmp_path)
    one_system.build(task)
    with pytest.raises(subprocess.CalledProcessError):
        measured(replace(task, memory_bytes=2**20), Console())


def test_another_recipe_or_size_is_another_index(vectors: VectorSet):
    installed = [name for name, system in SYSTEMS.items() if find_spec(system.package) is not None]
    folders = [built_folder(vectors, name, rows) for name in installed for rows in (1000, 2000)]
    assert len(set(folders)) == 2 * len(installed)


def test_a_task_goes_through_json(vectors: VectorSet, tmp_path: Path):
    task = task_for("exact-fp16", vectors, tmp_path)
    assert Task.from_json(task.to_json()) == task


def row(system: str, recall10: float, qps64: float) -> Row:
    same = dict.fromkeys(Row.__annotations__, 1)
    return Row(**{**same, "system": system, "params": "", "recall10": recall10, "qps64": qps64})  # type: ignore[arg-type]


def test_the_fastest_setting_that_reaches_a_recall_counts():
    rows = [row("a", 0.9, 100), row("a", 0.97, 50), row("a", 0.99, 20), row("b", 0.96, 60), row("c", 0.5, 900)]
    assert [(best.system, best.qps64) for best in fastest(rows, 0.95)] == [("b", 60), ("a", 50)]
    table = at_equal_recall(rows, full=1)
    assert any("not reached by b, c" in str(cell) for cell in table.columns[0].cells)


def test_recall_counts_true_rows_wherever_they_stand():
    assert recall(np.array([[3, 1, 9], [4, -1, -1]]), np.array([[1, 2, 3], [4, 5, 6]])) == pytest.approx(3 / 6)


def test_a_slow_search_is_cut_off_and_says_how_many_were_asked():
    def slow(queries_BM):
        return np.zeros((len(queries_BM), 1), dtype=np.int64)

    queries_QM, truth_QK = np.zeros((200, 4), dtype=np.float32), np.zeros((200, 1), dtype=np.int64)
    assert rate(slow, queries_QM, truth_QK, seconds=1e-9, recall_seconds=0).asked == 64
    assert rate(slow, queries_QM, truth_QK, seconds=1e-9).asked == 200
    assert rate(slow, queries_QM, truth_QK, seconds=0.01).asked == 200
    assert latency(slow, queries_QM, seconds=0).asked == 5


def test_dropped_pages_are_read_from_the_disk_again(tmp_path: Path):
    path = tmp_path / "pages"
    path.write_bytes(os.urandom(2**20))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        before = mapped[:]
        assert cached(path).any()
        drop_pages([path])
        assert not cached(path).any()
        assert mapped[:] == before


def test_anonymous_memory_grows_with_what_is_held():
    before = anonymous_bytes()
    held = np.ones(2**25)  # much, beside what a collection may free meanwhile
    assert held.nbytes * 0.8 < anonymous_bytes() - before < held.nbytes * 1.5
