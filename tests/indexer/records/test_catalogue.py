from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import CorruptIndex, UnknownEntity
from indexer.kb.record import Entity
from indexer.records import catalogue as module
from indexer.records.catalogue import Catalogue, Place
from indexer.records.table import PICTURED, EntityTable, to_batch, write_table
from indexer.records.titles import TITLES, fold, write_titles

TITLE = st.text("aAéÉe\u0301ß ", max_size=3) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
ID = st.sampled_from(["Q1", "Q2", "Q3", "Q10", "é", "\U0001f426"])
CHANGES = st.lists(st.dictionaries(ID, st.none() | TITLE, max_size=6), min_size=1, max_size=5)


def shard(folder: Path, entities: list[Entity], block: int = 2) -> Path:
    folder.mkdir()
    write_table((to_batch(entities[start : start + block]) for start in range(0, len(entities), block)), folder)
    write_titles(folder)
    return folder


def birds(folder: Path, *shards: list[str], deleted: list[int] = ()) -> Catalogue:
    """Shards of entities that have these titles, and their titles for ids."""
    folders = [
        shard(folder / str(place), [Entity(entity_id=title, title=title, text="") for title in titles])
        for place, titles in enumerate(shards)
    ]
    return Catalogue(folders, np.array(deleted, dtype=np.uint32))


class Model:
    """What a catalogue should answer: a dictionary, and the list of all that was ever in it."""

    def __init__(self, changes: list[dict[str, str | None]]) -> None:
        self.living: dict[str, int] = {}
        self.all: list[Entity] = []
        self.shards: list[list[Entity]] = []
        for when, change in enumerate(changes):
            self.shards.append([])
            for entity_id, title in change.items():
                self.living.pop(entity_id, None)
                if title is not None:
                    self.living[entity_id] = len(self.all)
                    images = ("a.png",) * (len(self.all) % 3)
                    self.all.append(Entity(entity_id, title, f"as of change {when}", images))
                    self.shards[-1].append(self.all[-1])

    def deleted(self) -> list[int]:
        return sorted(set(range(len(self.all))) - set(self.living.values()))

    def starting_with(self, prefix: str, pictured: bool | None = None) -> list[Entity]:
        order = sorted(self.living.values(), key=lambda number: (fold(self.all[number].title), number))
        named = [self.all[number] for number in order if fold(self.all[number].title).startswith(fold(prefix))]
        return [entity for entity in named if pictured is None or bool(entity.images) == pictured]


@settings(deadline=None, max_examples=60)
@given(CHANGES, TITLE, st.integers(0, 8))
def test_entities_are_added_replaced_and_removed_as_in_a_dictionary(tmp_path_factory, changes, prefix, limit):
    folder, model = tmp_path_factory.mktemp("catalogue"), Model(changes)
    folders = [shard(folder / str(place), entities) for place, entities in enumerate(model.shards)]
    found = Catalogue(folders, np.array(model.deleted(), dtype=np.uint32))

    assert (len(found), found.numbers) == (len(model.living), len(model.all))
    assert [found[number] for number in range(found.numbers)] == model.all
    assert [found.alive(np.array([number])).item() for number in range(found.numbers)] == [
        number in model.living.values() for number in range(found.numbers)
    ]
    for entity_id in ("Q1", "Q2", "Q3", "Q10", "é", "\U0001f426", "", "\ud83d"):
        if entity_id in model.living:
            assert found.number_of(entity_id) == model.living[entity_id]
        else:
            with pytest.raises(UnknownEntity):
                found.number_of(entity_id)
    for place, entities in enumerate(model.shards):
        first = found.first_numbers[place]
        assert [found.shard_of(first + own) for own in range(len(entities))] == [place] * len(entities)
    for asked in (prefix, "", *(title or "" for change in changes for title in change.values())):
        expected = model.starting_with(asked)
        assert found.starting_with(asked, limit) == expected[:limit]
        assert found.starting_with(asked, len(expected) + 1) == expected
    for pictured in (None, True, False):
        expected = model.starting_with(prefix, pictured)
        assert found.count(prefix, pictured=pictured) == len(expected)
        for place, entity in enumerate(expected):
            after = Place(entity.title, entity.entity_id)
            assert found.starting_with(prefix, limit, after=after, pictured=pictured) == expected[place + 1 :][:limit]


def test_titles_of_several_shards_come_in_one_order(tmp_path: Path):
    found = birds(tmp_path, ["Heron", "egret", "Ibis"], [], ["Égret", "herons", "EGRETS"], ["egret "], deleted=[2])
    titles = [entity.title for entity in found.starting_with("", 10)]
    assert titles == ["egret", "Égret", "egret ", "EGRETS", "Heron", "herons"]
    assert [entity.title for entity in found.starting_with("ÉGR", 2)] == ["egret", "Égret"]
    assert found.starting_with("ibis", 10) == found.starting_with("egret", 0) == []


def test_a_list_goes_on_where_it_was_left_though_the_entity_is_gone_or_is_called_otherwise(tmp_path: Path):
    found = birds(tmp_path, ["egret", "heron", "ibis"], ["stork"], deleted=[1])
    for gone in (Place("heron", "heron"), Place("Heronry", "ibis")):
        assert [entity.title for entity in found.starting_with("", 10, after=gone)] == ["ibis", "stork"]
    assert [entity.title for entity in found.starting_with("i", 10, after=Place("egret", "egret"))] == ["ibis"]
    assert found.starting_with("e", 10, after=Place("ibis", "ibis")) == []


def test_a_shard_from_before_pictures_were_counted_is_read_for_them(tmp_path: Path):
    pictured = Entity("Q2", "Ibis", "", ("ibis.jpg",))
    folder = shard(tmp_path / "0", [Entity("Q1", "Heron", ""), pictured, Entity("Q3", "Stork", "")])
    told = Catalogue([folder], np.empty(0, dtype=np.uint32))
    (folder / PICTURED).unlink()
    read = Catalogue([folder], np.empty(0, dtype=np.uint32))
    for found in (told, read):
        assert (found.pictured, found.starting_with("", 5, pictured=True)) == (1, [pictured])
    np.save(folder / PICTURED, np.ones(2, dtype=np.bool_))
    with pytest.raises(CorruptIndex, match=r"pictured\.npy is not of 3 entities"):
        Catalogue([folder], np.empty(0, dtype=np.uint32))


def test_the_newest_entity_of_an_id_is_found(tmp_path: Path):
    found = birds(tmp_path, ["Heron", "Ibis"], ["Ibis"], ["Ibis", "Stork"], deleted=[1, 2, 4])
    assert found.number_of("Ibis") == 3
    assert found.number_of("Heron") == 0
    with pytest.raises(UnknownEntity, match="'Stork'"):
        found.number_of("Stork")


@pytest.mark.parametrize("number", [-1, 3, 2**40])
def test_a_number_that_no_entity_has_is_an_index_error(tmp_path: Path, number: int):
    found = birds(tmp_path, ["Heron"], ["Ibis", "Stork"])
    with pytest.raises(IndexError):
        found[number]
    with pytest.raises(IndexError):
        found.shard_of(number)


@pytest.mark.parametrize("kind", [np.uint32, np.int64])
def test_many_numbers_are_asked_at_once_in_any_order(tmp_path: Path, kind: type):
    found = birds(tmp_path, ["a", "b"], ["c", "d", "e"], deleted=[1, 3])
    assert found.alive(np.array([4, 3, 3, 0, 1], dtype=kind)).tolist() == [True, False, False, True, False]
    assert found.alive(np.array([], dtype=kind)).tolist() == []


def test_entities_that_are_deleted_or_beyond_the_limit_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BLOCK", 16)
    titles = [f"bird {number:04d}" for number in range(2000)]
    found = birds(tmp_path, titles[::2], titles[1::2], deleted=[*range(900), *range(1000, 1900)])
    reads, read = [], EntityTable.__getitem__
    monkeypatch.setattr(EntityTable, "__getitem__", lambda table, number: reads.append(number) or read(table, number))
    assert [entity.title for entity in found.starting_with("bird", 5)] == titles[1800:1805]
    searched = 2 * 2 * 11  # two binary searches of a thousand in each of two shards
    assert len(reads) <= searched + 5 + 2  # one of each shard may be merged and not wanted


@pytest.mark.parametrize("deleted", [[3], [0, 0], [1, 0], [2**32 - 1]])
def test_a_list_of_deleted_entities_that_does_not_fit_is_refused(tmp_path: Path, deleted: list[int]):
    with pytest.raises(CorruptIndex, match="deleted"):
        birds(tmp_path, ["Heron"], ["Ibis", "Stork"], deleted=deleted)


def test_a_damaged_shard_is_refused(tmp_path: Path):
    birds(tmp_path, ["Heron"], ["Ibis", "Stork"])
    (tmp_path / "1" / TITLES).write_bytes((tmp_path / "0" / TITLES).read_bytes())
    with pytest.raises(CorruptIndex, match=r"1/titles\.npy"):
        Catalogue([tmp_path / "0", tmp_path / "1"], np.empty(0, dtype=np.uint32))


def test_a_catalogue_may_be_empty(tmp_path: Path):
    for found in (birds(tmp_path, []), Catalogue([], np.empty(0, dtype=np.uint32))):
        assert len(found) == found.numbers == 0
        assert found.starting_with("", 5) == []
        with pytest.raises(UnknownEntity):
            found.number_of("Q1")
