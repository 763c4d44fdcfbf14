"""What follows the encoder, measured at small size."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import benchmarks.filling as filling
import benchmarks.oven_chunks as oven_chunks
from benchmarks.overhead import times
from benchmarks.release.records import write_records
from benchmarks.search.vectors import VectorSet
from indexer.build import build
from indexer.embedding.plan import make_plan
from indexer.kb import KnowledgeBaseName
from indexer.search import EntityIndex
from tests.indexer.conftest import make_version

__all__ = ["make_version"]

pytestmark = [pytest.mark.slow, pytest.mark.data]


def test_a_version_is_filled_timed_and_watched(vectors: VectorSet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filling, "make_vector_set", lambda model, rows: vectors)
    row = filling.measure(1500, "compact")
    assert (row["index"], row["rows"]) == ("compact", 1500)
    assert row["seconds"] > 0
    assert 0.01 < row["anon_gb"] < 4


def test_entities_cost_time(tmp_path: Path, make_version):
    make_version(tmp_path, np.random.default_rng(0).normal(size=(300, 16)), chunk_rows=100)
    alone, whole = times(EntityIndex.open(tmp_path), 8, 5)
    assert len(alone) == len(whole) == 5
    assert (alone > 0).all()
    assert (whole > 0).all()


def test_a_build_encodes_what_was_left_out_and_takes_the_rest(
    vectors: VectorSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(oven_chunks, "make_vector_set", lambda model, rows: vectors)
    assert make_plan.__kwdefaults__ is not None
    monkeypatch.setitem(make_plan.__kwdefaults__, "chunk_records", 64)
    path, home = tmp_path / "oven.jsonl.gz", tmp_path / "index"
    write_records(path, records=200, member_records=50)
    result = CliRunner().invoke(
        oven_chunks.app, ["--records", str(path), "--out", str(home), "--encode", "64"], catch_exceptions=False
    )
    assert "indexer.build" in result.output
    build(KnowledgeBaseName.OVEN, records=path, out=home, any_model=True)
    index = EntityIndex.open(home)
    assert len(index) == 200
    found = index.rows.vectors(np.arange(200))
    np.testing.assert_array_equal(found[128:], vectors.rows()[128:200].astype(np.float32))
    assert not np.array_equal(found[:64], vectors.rows()[:64].astype(np.float32))
