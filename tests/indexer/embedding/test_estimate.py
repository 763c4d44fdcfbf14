import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.embedding.chunks import StoredChunk
from indexer.embedding.embed import embed
from indexer.embedding.estimate import Stratum, duration, estimate, size
from indexer.embedding.plan import make_plan, open_workshop
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity
from indexer.records.table import TABLE
from tests.indexer.conftest import on_cpu
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip


def kind_cost(rows: int, width: int) -> tuple[int, int]:
    return 10 * rows, rows * width


def test_every_record_is_counted_where_the_knowledge_base_is_small(birds: Path, model: WikiClip):
    found = estimate(JsonLines(birds), on_cpu(model), kind_cost)
    assert (found.records, found.read, found.sampled, found.rows) == (7, 7, 5, 8)  # as named: two pictures are broken
    assert (found.index_memory, found.seconds > 0) == (80, True)
    assert found.version - found.chunks == 8 * (256 + 4) + 5 * 12 - 8 * (512 + 4)
    assert found.memory > 100e6  # the model alone
    assert "7 records, 8 vectors; 5 records, drawn from all of them" in found.lines()[0]


def test_what_was_not_read_is_taken_to_be_like_the_rest(tmp_path: Path, model: WikiClip, monkeypatch):
    """The table of a real build of all the records is as large as was said after half of them."""
    path = tmp_path / "birds.jsonl"
    records = [{"entity_id": f"Q{n}", "title": f"heron {n}", "text": "feather " * (n % 7)} for n in range(60)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    monkeypatch.setattr("indexer.embedding.estimate.READ", 30)
    kb = JsonLines(path)
    found = estimate(kb, on_cpu(model), kind_cost)
    assert (found.records, found.read, found.rows) == (60, 30, 60)
    assert "drawn from the first 30" in found.lines()[0]

    plan = make_plan(kb, model)
    workshop = open_workshop(plan, tmp_path)
    assert embed(kb, on_cpu(model), plan, workshop) == 1
    chunk = StoredChunk(workshop / "chunks" / "000000")
    stored = chunk.vectors().nbytes + chunk.entity_of_row().nbytes + (chunk.folder / TABLE).stat().st_size
    assert found.chunks == pytest.approx(stored, rel=0.1)


def test_records_of_which_none_can_be_read_are_an_error(birds: Path, model: WikiClip):
    birds.write_text("{\n{\n")
    with pytest.raises(WikiClipError, match="no record that can be read"):
        estimate(JsonLines(birds), on_cpu(model), kind_cost)


@given(st.integers(1, 200), st.integers(1, 50))
def test_a_stratum_keeps_as_many_as_it_may_and_none_twice(offered: int, most: int):
    stratum = Stratum(most=most)
    for n in range(offered):
        stratum.offer(Entity(entity_id=f"Q{n}", title="T", text="", images=("a.png",) * (n % 3)))
    ids = {entity.entity_id for entity in stratum.kept}
    assert len(ids) == len(stratum.kept) == min(offered, most)
    assert (stratum.seen, stratum.rows) == (offered, sum(max(n % 3, 1) for n in range(offered)))


def test_a_stratum_is_drawn_from_all_that_was_offered():
    stratum = Stratum(most=200)
    for n in range(2000):
        stratum.offer(Entity(entity_id=str(n), title="T", text=""))
    assert sum(int(entity.entity_id) for entity in stratum.kept) / 200 == pytest.approx(1000, rel=0.15)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 s"), (89, "89 s"), (90, "2 min"), (3570, "1 h"), (7800, "2 h 10 min"), (274_000, "3 days 4 h")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"), [(0, "under 0.01 GB"), (6_209_479_680, "6.21 GB"), (15_523_699_200, "16 GB")]
)
def test_sizes_are_said_in_gigabytes(count: int, said: str):
    assert size(count) == said
