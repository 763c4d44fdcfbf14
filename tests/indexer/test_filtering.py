"""Searching and listing by tags, against filtering all afterwards."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from indexer.assemble import with_rows
from indexer.embedding.plan import Plan, open_workshop
from indexer.errors import CorruptIndex
from indexer.kb.record import Entity
from indexer.kinds import KINDS, kind_of
from indexer.manifest import stamp_files
from indexer.records.tag_filter import TagFilter
from indexer.records.tag_table import TAGS
from indexer.records.tags import CountedTag
from indexer.search import EntityIndex
from indexer.update import Changes, changed
from indexer.version import Version, publish, read_version
from tests.indexer.conftest import spoil, write_chunks
from tests.milvus import BACKENDS

WIDTH = 8
NAMES = ("bird", "Bird", "plant", "É", "\U0001f426", "with space")
FILTERS = st.builds(
    TagFilter.of,
    **{kind: st.lists(st.sampled_from([*NAMES, "unknown"]), max_size=3) for kind in ("any", "all", "none")},
)


def passes(entity: Entity, wanted: TagFilter | None) -> bool:
    tags = set(entity.tags)
    return wanted is None or (
        (not wanted.any or bool(tags & set(wanted.any))) and tags.issuperset(wanted.all) and not tags & set(wanted.none)
    )


def tagged(random: np.random.Generator, count: int, first: int = 0) -> list[Entity]:
    """Entities of which some have no tag, some several, and one twice the same."""
    found = []
    for number in range(first, first + count):
        tags = [name for place, name in enumerate(NAMES) if random.random() < 1 / (place + 2)]
        found.append(Entity(f"Q{number}", f"T{number % 7}", "", tags=tuple(tags + tags[:1])))
    return found


def change(home: Path, entities: list[Entity], rows_NM, gone: list[str]) -> Version:
    base = read_version(home)
    plan = Plan(
        knowledge_base="test",
        records="changes",
        image_root=None,
        model_name="tiny",
        model_fingerprint="f" * 64,
        dimension=WIDTH,
    )
    workshop = open_workshop(plan, home)
    chunks = write_chunks(workshop, rows_NM, np.arange(len(entities)), entities) if entities else 0
    changes = Changes(workshop, plan, with_rows(workshop, chunks), [])
    return publish(*changed(base, changes, gone, kind_of(base.manifest.kind), strict=False), home)


@pytest.fixture(scope="module", params=[*BACKENDS, "balanced-sq8", "compact-pca"])
def of_kind(request, make_version, milvus):
    """Of several kinds."""
    return partial(make_version, kind=request.param)


@settings(
    max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)  # Milvus is slow to shrink by
@given(
    seed=st.integers(0, 2**32 - 1),
    rows_of_entity=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    shard_rows=st.integers(1, 100),
    replaced=st.integers(0, 6),
    wanted=st.lists(FILTERS, min_size=1, max_size=4),
    k=st.integers(1, 40),
)
def test_the_best_are_those_of_filtering_all_afterwards(
    tmp_path_factory, of_kind, seed, rows_of_entity, shard_rows, replaced, wanted, k
):
    random = np.random.default_rng(seed)
    owner_N = np.repeat(np.arange(len(rows_of_entity)), rows_of_entity)
    rows_NM = random.normal(size=(len(owner_N), WIDTH)).astype(np.float16)
    entities = tagged(random, len(rows_of_entity))
    home = tmp_path_factory.mktemp("index")
    of_kind(home, rows_NM, entity_of_row_N=owner_N, entities=entities, shard_rows=shard_rows)
    living = {entity.entity_id: entity for entity in entities}
    if replaced:  # some anew with other tags, one new, and one that is gone
        anew = [*tagged(random, min(replaced, len(entities))), Entity("new", "T", "", tags=("bird",))]
        change(home, anew, random.normal(size=(len(anew), WIDTH)), [entities[-1].entity_id])
        living.pop(entities[-1].entity_id)
        living |= {entity.entity_id: entity for entity in anew}
    index = EntityIndex.open(home)
    queries_BM = random.normal(size=(3, WIDTH)).astype(np.float32)
    rankings = index.search(queries_BM, len(living))
    for each in wanted:
        found = index.search(queries_BM, k, tags=each)
        expected = [[one for one in ranking if passes(one.entity, each)][:k] for ranking in rankings]
        for ours, theirs in zip(found, expected, strict=True):
            assert [one.entity for one in ours] == [one.entity for one in theirs]
            np.testing.assert_allclose([one.score for one in ours], [one.score for one in theirs], rtol=1e-6, atol=1e-5)
        listed = [entity for entity in index.entities_titled("", 100) if passes(entity, each)]
        assert index.entities_titled("", 100, tags=each) == listed
        assert index.count_titled("", tags=each) == index.count_passing(each) == len(listed)
        assert index.count_titled("t1", tags=each) == sum(entity.title == "T1" for entity in listed)
    counts = Counter(tag for entity in living.values() for tag in set(entity.tags))
    by_count = sorted((CountedTag(*each) for each in counts.items()), key=lambda each: (-each.entities, each.tag))
    assert index.tags.listed(100) == by_count
    assert index.tags.listed(100, order="tag") == sorted(by_count)
    assert len(index.tags) == len(counts)
    for order, whole in (("count", by_count), ("tag", sorted(by_count))):
        for place, each in enumerate(whole):
            assert index.tags.listed(2, order=order, after=each) == whole[place + 1 :][:2]


@pytest.fixture(scope="module", params=KINDS)
def birds(request, tmp_path_factory, make_version) -> tuple[Path, np.ndarray]:
    home = tmp_path_factory.mktemp("birds")
    random = np.random.default_rng(0)
    rows_NM = random.normal(size=(200, WIDTH)).astype(np.float16)
    entities = [Entity(f"Q{n}", f"T{n}", "", tags=("even",) * (n % 2 == 0) + ("rare",) * (n == 77)) for n in range(200)]
    make_version(home, rows_NM, entities=entities, shard_rows=60, kind=request.param)
    return home, random.normal(size=(64, WIDTH)).astype(np.float32)


def test_threads_that_ask_by_different_filters_do_not_mix(birds):
    home, queries_BM = birds
    index = EntityIndex.open(home)
    filters = [None, TagFilter(any=("even",)), TagFilter(none=("even",)), TagFilter(all=("rare",)), TagFilter(("x",))]
    asked = [(query, filters[n % 5]) for n, query in enumerate(np.split(queries_BM, 64))]
    alone = [EntityIndex.open(home).search(query, 5, tags=tags) for query, tags in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: index.search(one[0], 5, tags=one[1]), asked)) == alone
    assert [one.entity.entity_id for one in alone[3][0]] == ["Q77"]
    assert alone[4] == [[]]


def test_no_more_masks_are_kept_than_said(birds, monkeypatch):
    monkeypatch.setattr("indexer.records.tags.MASK_BYTES", 3 * 200)
    monkeypatch.setattr("indexer.search.AMONG_BYTES", 2 * 2 * 200)
    index = EntityIndex.open(birds[0])
    for number in range(6):
        index.search(birds[1][:1], 3, tags=TagFilter(none=("even", f"t{number}")))
    assert len(index.tags._kept) == 3
    assert len(index._kept) == 2


def without_tags(home: Path) -> Version:
    """The current version as it was before there were filters."""
    base = read_version(home)
    folder = home / "building" / "before"
    for path in base.folder.rglob("*"):
        if path.is_file() and path.name not in (TAGS, "manifest.json"):
            (folder / path.relative_to(base.folder)).parent.mkdir(parents=True, exist_ok=True)
            (folder / path.relative_to(base.folder)).write_bytes(path.read_bytes())
    return publish(folder, base.manifest.model_copy(update={"files": stamp_files(folder)}), home)


def test_a_version_from_before_is_filtered_by_its_records(tmp_path, make_version):
    random = np.random.default_rng(1)
    entities = tagged(random, 30)
    version = make_version(tmp_path, random.normal(size=(30, WIDTH)), entities=entities)
    with_table = EntityIndex.open(tmp_path)
    assert any(name.endswith(TAGS) for name in version.manifest.files)
    assert not any(name.endswith(TAGS) for name in without_tags(tmp_path).manifest.files)
    without = EntityIndex.open(tmp_path)
    queries_BM = random.normal(size=(2, WIDTH)).astype(np.float32)
    for tags in (TagFilter(any=("bird",)), TagFilter(none=("plant",))):
        assert without.search(queries_BM, 5, tags=tags) == with_table.search(queries_BM, 5, tags=tags)
    assert without.tags.listed(10) == with_table.tags.listed(10)
    change(tmp_path, [Entity("new", "T", "", tags=("bird", "new"))], random.normal(size=(1, WIDTH)), ["Q0"])
    updated = EntityIndex.open(tmp_path)  # whose old shards have no table, and whose new one has
    assert CountedTag("new", 1) in updated.tags.listed(10)
    assert updated.count_passing(TagFilter(any=("bird",))) == 1 + sum(
        "bird" in entity.tags and entity.entity_id != "Q0" for entity in entities
    )


def test_a_table_of_tags_that_is_damaged_is_refused(tmp_path, make_version):
    version = make_version(tmp_path, np.eye(5, WIDTH), entities=tagged(np.random.default_rng(2), 5), shard_rows=9)
    (path,) = version.folder.rglob(TAGS)
    whole = path.read_bytes()
    spoil(path, whole[:-9])
    with pytest.raises(CorruptIndex, match=r"tags\.arrow is not of the size"):
        EntityIndex.open(tmp_path)
    spoil(path, whole)
    index = EntityIndex.open(tmp_path)
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(CorruptIndex, match=r"tags\.arrow was cut off"):
        index.search(np.eye(1, WIDTH, dtype=np.float32), 1, tags=TagFilter(any=("bird",)))


@pytest.mark.parametrize(("named", "most"), [(3, 20), (3, 16_384), (40, 16_384), (500, 16_384)])
def test_milvus_is_told_rows_in_each_way(tmp_path, make_version, milvus, monkeypatch, named, most):
    """By name, by the names of the others, by a ranking of all, and by several searches where that is too short."""
    monkeypatch.setattr("indexer.kinds.milvus.searcher.NAMED", named)
    monkeypatch.setattr("indexer.kinds.milvus.searcher.MOST", most)
    random = np.random.default_rng(3)
    rows_NM = random.normal(size=(90, WIDTH)).astype(np.float16)
    entities = tagged(random, 90)
    opened = []
    for kind in BACKENDS:
        make_version(tmp_path / kind, rows_NM, entities=entities, shard_rows=40, kind=kind)
        opened.append(EntityIndex.open(tmp_path / kind))
    queries_BM = random.normal(size=(4, WIDTH)).astype(np.float32)
    for tags in (TagFilter(any=("bird",)), TagFilter(any=("with space",)), TagFilter(none=("with space",))):
        exact, there = (index.search(queries_BM, 8, tags=tags) for index in opened)
        for ours, theirs in zip(there, exact, strict=True):
            assert [one.entity for one in ours] == [one.entity for one in theirs]
