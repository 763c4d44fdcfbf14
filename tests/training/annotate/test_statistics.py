"""The paper's tables of files whose every number is known by hand, and of strangers' files."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.annotate.conftest import WIDTH
from training.annotate.judge.sample import allocation, sample
from training.annotate.statistics.count import BINS, Statistics
from training.annotate.statistics.rows import every
from training.annotate.statistics.sources import open_sources
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import encode_rle

HEIGHT = 40


def mask_of(share):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[: round(share * HEIGHT)] = True
    return mask


def annotation(number, entity, split, share=0.5, **more):
    return {
        "id": f"a{number}",
        "image_id": f"oven_{number:08}",
        "category_id": entity,
        "data_split": split,
        "segmentation": [encode_rle(mask_of(share))],
    } | more


def write(path, annotations, **more):
    images = [
        {"id": each["image_id"], "file_name": f"/00/{each['image_id']}.jpg", "height": HEIGHT, "width": WIDTH}
        for each in annotations
        if isinstance(each, dict) and "image_id" in each
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations} | more))
    return path


def count(*paths, listed=None):
    counted = Statistics()
    with open_sources(listed) as source_of:
        counted.add(every(paths), source_of)
    return counted


def test_table_2_counts_entities_and_examples_by_part(tmp_path):
    train = write(
        tmp_path / "mask_oven_entity_train.json",
        [annotation(n, f"Q{n % 3}", "entity_train") for n in range(7)],
    )
    val = write(
        tmp_path / "mask_oven_query_val.json",
        [annotation(n, f"Q{n}", f"query_val_{'seen' if n < 2 else 'unseen'}") for n in range(5)]
        + [annotation(9, "Q1", "query_val_seen")],
    )
    wiki = write(tmp_path / "mask_oven_wiki_split.json", [annotation(n, f"Q{n}", "wiki_unseen") for n in range(4)])
    table = count(train, val, wiki).to_json()["table_2"]
    assert table["train entity"] == {
        "seen_entities": 3, "seen_examples": 7, "unseen_entities": 0, "unseen_examples": 0, "examples": 7,
    }  # fmt: skip
    assert table["val query"] == {
        "seen_entities": 2, "seen_examples": 3, "unseen_entities": 3, "unseen_examples": 3, "examples": 6,
    }  # fmt: skip
    assert table["wiki wiki"]["unseen_entities"] == 4
    assert list(table) == ["train entity", "val query", "wiki wiki"]


def test_a_file_of_any_name_is_told_apart_by_its_splits(tmp_path):
    path = write(
        tmp_path / "mine.json", [annotation(1, "Q1", "entity_train"), annotation(2, "Q2", "query_test_unseen")]
    )
    assert list(count(path).to_json()["table_2"]) == ["train entity", "test query"]


def test_areas_are_shares_of_the_picture_whatever_the_region_is(tmp_path):
    rows = [
        annotation(1, "Q1", "entity_train", 1.0),
        annotation(2, "Q1", "entity_train", 0.5),
        annotation(3, "Q1", "entity_train", 0.5)
        | {"segmentation": [encode_rle(mask_of(0.5)), encode_rle(mask_of(0.25))]},
        annotation(4, "Q1", "entity_train") | {"segmentation": [], "bbox": [[0, 0, WIDTH, HEIGHT / 4]]},
        annotation(5, "Q1", "entity_train") | {"segmentation": [{"size": [40, 96], "counts": "nonsense!"}]},
        annotation(6, "Q1", "entity_train") | {"segmentation": [[0, 0, WIDTH, 0, WIDTH, 4, 0, 4]]},
    ]
    counted = count(write(tmp_path / "mask_oven_entity_train.json", rows))
    expected = np.zeros(BINS, int)
    expected[[BINS - 1, BINS // 2, BINS // 4, BINS // 10]] = [1, 2, 1, 1]
    np.testing.assert_array_equal(counted.areas, expected)
    assert counted.regionless == 1


def test_sources_are_told_by_the_listed_path_or_by_the_folder(tmp_path):
    rows = [annotation(n, "Q1", "entity_train") for n in range(4)]
    path = write(tmp_path / "mask_oven_entity_train.json", rows)
    listed = tmp_path / "ovenid2impath.csv"
    listed.write_text(
        "oven_id,oven_filepath\noven_00000000,train/imagenet21k/n01/a.jpg\noven_00000001,inat/1.jpg\n"
        "oven_00000002,gldv2/train/0/1.jpg\n"
    )
    table = count(path, listed=listed).to_json()["table_7"]
    assert table == {name: {"entity": 1} for name in ("Gldv2", "IN21k", "iNat", "unknown")}
    assert count(path).to_json()["table_7"] == {"unknown": {"entity": 4}}  # "/00/" only spreads files


def test_what_cannot_be_read_is_counted_and_stops_nothing(tmp_path):
    rows = [annotation(1, "Q1", "entity_train"), {"id": 3}, "text", {"id": "a", "image_id": "b"}]
    counted = count(write(tmp_path / "mask_oven_entity_train.json", rows))
    assert (counted.unreadable, counted.examples.total()) == (3, 1)


def test_a_file_that_is_none_of_annotations_is_refused(tmp_path):
    with pytest.raises(WikiClipError, match="There is no file"):
        count(tmp_path / "none.json")
    with pytest.raises(WikiClipError, match="holds no annotations"):
        count(write(tmp_path / "empty.json", []))
    (tmp_path / "cut.json").write_text('{"annotations": [{"id": "a"')
    with pytest.raises(WikiClipError, match="cut off"):
        count(tmp_path / "cut.json")


def test_the_papers_sample_comes_out_of_the_papers_entities():
    # About the entities of the paper's entity and query splits in proportion 7 : 2, and wiki's fixed tenth.
    assert allocation({"entity": 15_900, "query": 4_543, "wiki": 2_030_000}, 2000) == {
        "entity": 1400, "query": 400, "wiki": 200,
    }  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["entity", "query", "human", "wiki", "-"]), st.integers(1, 500)),
    st.integers(1, 300),
)
def test_a_sample_is_as_large_as_asked_or_has_all(entities, most):
    sizes = allocation(entities, most)
    assert all(0 <= sizes[task] <= entities[task] for task in entities)
    assert sum(sizes.values()) <= most
    if "wiki" not in entities:
        assert sum(sizes.values()) == min(most, sum(entities.values()))


def test_a_sample_has_at_most_one_of_an_entity_and_all_splits_in_proportion(tmp_path):
    entity = [annotation(n, f"Q{n % 60}", "entity_train") for n in range(300)]
    query = [annotation(1000 + n, f"Q{50 + n % 30}", "query_train") for n in range(60)]
    paths = [
        write(tmp_path / "mask_oven_entity_train.json", entity),
        write(tmp_path / "mask_oven_query_train.json", query),
    ]
    chosen = sample(every(paths), 30)
    assert len({one.row.category_id for one in chosen}) == len(chosen) == 30
    assert sum(one.task == "entity" for one in chosen) == 20
    assert [one.row.id for one in chosen] == [one.row.id for one in sample(every(paths), 30)]
    assert [one.row.id for one in chosen] != [one.row.id for one in sample(every(paths), 30, seed=1)]
    assert len({one.row.id for one in sample(every(paths), 1000)}) == 80  # 60 and 30, ten of which are the same
