"""Whatever a set holds comes back from the table as it was, and what was cut off or changed is noticed."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.kb.record import BadRecord, Entity
from indexer.records.table import EntityTable, to_batch, write_table
from training.data import annotation_table
from training.data.annotation import Annotation
from training.data.annotation_table import COUNTS, TABLE, open_annotations
from wikiclip.base.errors import WikiClipError

IDS = [f"Q{number}" for number in range(5)]


class Listed:
    """A set from a list."""

    name = "listed"

    def __init__(self, found: list[Annotation | BadRecord], key: str = "k") -> None:
        self.found, self.key, self.passes = found, key, 0

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        self.passes += 1
        yield from self.found

    def __len__(self) -> int:
        return len(self.found)

    def fingerprint(self) -> str:
        return self.key


@pytest.fixture(scope="session")
def entities(tmp_path_factory: pytest.TempPathFactory) -> EntityTable:
    folder = tmp_path_factory.mktemp("entities")
    write_table([to_batch([Entity(entity_id=entity_id, title="t", text="") for entity_id in IDS])], folder)
    return EntityTable(folder)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    return tmp_path


def annotation(number: int) -> Annotation:
    return Annotation(
        data_id=f"id {number}", picture=Path(f"/pictures/{number}.jpg"), region=None, entity_id=IDS[number % 5],
        split="train", task="query", question=None,
    )  # fmt: skip


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
sides = st.none() | st.floats(min_value=0, exclude_min=True)
annotations = st.builds(
    Annotation,
    data_id=text,
    picture=st.binary(min_size=1, max_size=6).map(
        lambda name: Path("/p") / os.fsdecode(b"n" + name.replace(b"\0", b""))
    ),
    region=json_values,
    entity_id=st.sampled_from(IDS),
    split=st.sampled_from(["train", "seen", "unseen"]),
    task=st.sampled_from(["entity", "query", None]),
    question=st.none() | text,
    declared=st.tuples(sides, sides),
)


@settings(deadline=None, max_examples=25)
@given(found=st.lists(annotations, max_size=20, unique_by=lambda one: one.data_id), block=st.integers(1, 7))
def test_what_was_put_in_comes_out(entities: EntityTable, tmp_path_factory: pytest.TempPathFactory, found, block: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIKICLIP_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(annotation_table, "BLOCK", block)
        table = open_annotations(Listed(list(found)), entities, "kb")
        assert [table[number] for number in range(len(table))] == found
        assert table.row_N.tolist() == [IDS.index(one.entity_id) for one in found]
        for split in ("train", "seen", "unseen"):
            for task in (None, "entity", "query"):
                wanted = [n for n, one in enumerate(found) if one.split == split and task in (None, one.task)]
                assert table.numbers(split, task).tolist() == wanted
                assert table.data_ids(table.numbers(split, task)) == [found[n].data_id for n in wanted]


def test_a_set_is_read_once_for_each_of_its_states_and_the_knowledge_base_s(entities: EntityTable):
    found = Listed([annotation(number) for number in range(9)])
    for kb, passes in (("a", 1), ("a", 1), ("b", 2), ("b", 2)):
        assert len(open_annotations(found, entities, kb)) == 9
        assert found.passes == passes
    open_annotations(Listed([annotation(1)], key="another"), entities, "a")
    assert len(open_annotations(found, entities, "a")) == 9


def test_of_several_at_once_one_reads(entities: EntityTable):
    class Slow(Listed):
        def fingerprint(self) -> str:
            sleep(0.05)  # until all have begun
            return self.key

        def __len__(self) -> int:
            sleep(0.2)
            return len(self.found)

    found = Slow([annotation(number) for number in range(9)])
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda _: open_annotations(found, entities, "kb"), range(4)))
    assert [len(table) for table in tables] == [9] * 4
    assert found.passes == 1


def test_a_pass_that_was_cut_off_leaves_nothing_that_is_believed(entities: EntityTable, home: Path):
    class Stopped(Listed):
        def __iter__(self) -> Iterator[Annotation | BadRecord]:
            yield annotation(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_annotations(Stopped([]), entities, "kb")
    assert len(open_annotations(Listed([annotation(number) for number in range(9)]), entities, "kb")) == 9


def test_a_sample_s_chance_does_not_depend_on_its_place(entities: EntityTable):
    found = [annotation(number) for number in range(50)]
    one = open_annotations(Listed(list(found), key="1"), entities, "kb").chance_N
    other = open_annotations(Listed(found[::-1], key="2"), entities, "kb").chance_N
    assert one.tolist() == other.tolist()[::-1]
    assert len(set(one.tolist())) == 50


@pytest.mark.parametrize("change", ["cut", "gone", "tally", "count", "rows"])
def test_a_table_that_was_changed_is_one_line(entities: EntityTable, tmp_path: Path, change: str):
    found = Listed([annotation(number) for number in range(9)])
    folder = open_annotations(found, entities, "kb").folder
    if change == "cut":
        os.truncate(folder / TABLE, 300)
    elif change == "gone":
        (folder / TABLE).unlink()
    elif change == "tally":
        (folder / COUNTS).write_text('{"read": "nine"}')
    elif change == "count":
        (folder / COUNTS).write_text('{"read": 9, "kept": 8, "problems": {}}')
    else:
        write_table([to_batch([Entity(entity_id="Q0", title="t", text="")])], tmp_path)
        entities = EntityTable(tmp_path)
    with pytest.raises(WikiClipError, match=r"^[^\n]*remove it, and it is made again\.$"):
        open_annotations(found, entities, "kb")
