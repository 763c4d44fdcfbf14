"""Small releases, read and seen by a small model, held against the mentions read one by one."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import BadRecordFound
from indexer.kb.oven import Oven
from tests.training.data.small_release import (
    ENTITIES,
    HEIGHT,
    PICTURED,
    TRAIN,
    WIDTH,
    draw,
    mask,
    picture,
    rows,
    write_annotations,
)
from training.data.annotated import AnnotatedData, at_most
from training.data.annotation import Annotation, read_mention
from training.data.features.cache import GB, Budget
from training.data.items import NONE
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import encode_rle
from wikiclip.model import WikiClip

READERS = {"oven": OvenAnnotations, "maskoven": MaskOvenAnnotations}


def opened(model: WikiClip, reader: str = "oven", part: Part = Part.TRAIN, **options: Any) -> AnnotatedData:
    data = AnnotatedData(model, READERS[reader](part=part), Oven(), **{"budget": Budget(GB), **options})
    data.fill()
    return data


def readable(reader: str, part: Part) -> list[Annotation]:
    return [one for one in READERS[reader](part=part) if isinstance(one, Annotation)]


def looked_at(model: WikiClip, annotation: Annotation) -> torch.Tensor:
    """The slow and obvious way."""
    return model.pool_mentions([model.prepare_mention(*read_mention(annotation))])[0]


@pytest.mark.parametrize("reader", READERS)
def test_a_training_set_has_every_mention_with_its_record(release: Path, small_model: WikiClip, reader: str):
    data = opened(small_model, reader)
    found, expected = data.training_set(), readable(reader, Part.TRAIN)
    assert len(data) == len(expected) == TRAIN
    assert [data.annotations[number] for number in range(TRAIN)] == expected
    assert [data.records.entities[row].entity_id for row in found.record_Q] == [one.entity_id for one in expected]
    pooled_QW = torch.stack([looked_at(small_model, one) for one in expected])
    assert torch.allclose(found.pooled(np.arange(TRAIN)), pooled_QW, atol=1e-4)
    assert torch.equal(found.pooled(np.array([7, 2])), found.pooled(np.arange(TRAIN))[[7, 2]])
    assert found.own.tolist() == list(range(PICTURED))
    assert found.text_only.tolist() == list(range(PICTURED, ENTITIES))
    assert not len(found.class_rows)


def test_a_mask_changes_what_is_seen(release: Path, small_model: WikiClip):
    whole, masked = (opened(small_model, reader).training_set().pooled(np.arange(TRAIN)) for reader in READERS)
    assert (whole - masked).abs().amax(dim=1).min() > 1e-3


@pytest.mark.parametrize("reader", READERS)
def test_queries_are_of_a_split_and_a_task(release: Path, small_model: WikiClip, reader: str):
    data = opened(small_model, reader, Part.VAL)
    expected = readable(reader, Part.VAL)
    for split, task in (("seen", "entity"), ("unseen", "query"), ("unseen", None), ("train", None)):
        wanted = [one for one in expected if one.split == split and task in (None, one.task)]
        asked = data.queries(split, task)
        assert asked.data_ids == [one.data_id for one in wanted]
        assert [data.annotations[int(number)] for number in asked.number_Q] == wanted
        assert [data.records.entities[row].entity_id for row in asked.record_Q] == [one.entity_id for one in wanted]
        assert asked.pooled_QW.shape == (len(wanted), small_model.vision.pooled_width)
        assert asked.readable_Q.all()
    with pytest.raises(WikiClipError, match="There is no mention to train on"):
        data.training_set()


def test_what_is_computed_when_needed_is_what_would_be_kept(release: Path, small_model: WikiClip):
    kept, live = opened(small_model), opened(small_model, budget=Budget(0))
    assert len(kept.records.pictures.kept) > len(live.records.pictures.kept)
    first, second = kept.training_set(), live.training_set()
    picture_I, text_I = np.array([0, 3, NONE, 5, 1]), np.array([0, NONE, 4, 5, 2])
    ours, theirs = (one.records.items(picture_I, text_I) for one in (first, second))
    for name in ("patches_BPV", "pooled_BW", "tokens_BLT", "sentence_BT"):
        assert torch.allclose(getattr(ours, name), getattr(theirs, name), atol=1e-3), name
    assert torch.equal(ours.padding_BL, theirs.padding_BL)
    assert torch.equal(first.pooled(np.arange(TRAIN)), second.pooled(np.arange(TRAIN)))


EXPECTED = {
    "gone": "missing-picture",
    "cut": "unreadable-picture",
    "mask": "bad-region",
    "strange": "unknown-entity",
    "entity_val_001": "duplicate-id",
    "mask_oven_entity_val.json: annotations[9]": "unreadable-record",
}


def faults() -> list[dict[str, Any]]:
    """A row with each fault, in the order above."""
    first, second, *_ = rows("val", "entity", 4)
    return [
        {**first, "data_id": "gone", "image_id": "oven_00990000"},
        {**first, "data_id": "cut", "image_id": "oven_00990001"},
        {**first, "data_id": "mask", "segmentation": [encode_rle(np.ones((9, 9), dtype=np.bool_))]},
        {**first, "data_id": "strange", "entity_id": "Q999"},
        second,
        {**first, "data_id": "malformed", "entity_id": "heron"},
    ]


@pytest.fixture
def faulty(release: Path) -> Path:
    """A release with every fault in one of its files."""
    cut = draw(picture(release, 990001), 5)
    cut.write_bytes(cut.read_bytes()[:200])
    write_annotations(release, "val", "entity", rows("val", "entity", 4) + faults())
    return release


def test_each_fault_is_counted_listed_and_left_out(faulty: Path, small_model: WikiClip):
    data = opened(small_model, "maskoven", Part.VAL)
    reports = [data.annotations.folder / "problems.jsonl", data.features.folder / "problems.jsonl"]
    listed = [json.loads(line) for report in reports for line in report.read_text().splitlines()]
    assert {row["where"]: row["code"] for row in listed} == EXPECTED
    assert len(listed) == len(EXPECTED)
    table, mentions = data.annotations.summary(), data.summary()
    for code in EXPECTED.values():
        assert f"1 {code}" in table + mentions
    assert table.startswith("3 of 14 annotations were left out")
    assert mentions.startswith("3 of 11 annotations were left out")
    assert str(reports[0]) in table
    assert str(reports[1]) in mentions
    asked = data.queries("seen", "entity")
    assert dict(zip(asked.data_ids, asked.readable_Q.tolist(), strict=True)) == {
        "entity_val_000": True, "entity_val_001": True, "gone": False, "cut": False, "mask": False,
    }  # fmt: skip
    assert not asked.pooled_QW[torch.from_numpy(~asked.readable_Q)].any()
    assert asked.pooled_QW[torch.from_numpy(asked.readable_Q)].abs().amax(dim=1).min() > 0


def test_a_box_of_a_picture_that_was_resized_since_is_a_bad_region_and_not_another_one(
    release: Path, small_model: WikiClip
):
    in_pixels = {"segmentation": [[3, 5, 25, 5, 25, 20, 3, 20]]}
    write_annotations(release, "train", "entity", [{**row, **in_pixels} for row in rows("train", "entity", 6)])
    with Image.open(picture(release, 3)) as drawn:
        drawn.resize((WIDTH * 2, HEIGHT)).save(picture(release, 3))
    data = opened(small_model, "maskoven")
    assert data.summary().startswith(f"1 of {TRAIN} annotations was left out: 1 bad-region")
    [problem] = [json.loads(line) for line in (data.features.folder / "problems.jsonl").read_text().splitlines()]
    assert (problem["code"], problem["where"]) == ("bad-region", "entity_train_003")
    assert f"upright, the file is {WIDTH * 2} wide and {HEIGHT} high" in problem["why"]
    assert len(data.training_set().record_Q) == TRAIN - 1


def test_what_cannot_be_read_is_not_trained_on(release: Path, small_model: WikiClip):
    picture(release, 3).unlink()
    found = opened(small_model).training_set()
    assert len(found.record_Q) == TRAIN - 1
    assert Counter(found.record_Q.tolist())[3] == TRAIN // ENTITIES - 1
    assert found.pooled(np.arange(TRAIN - 1)).abs().amax(dim=1).min() > 0


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize(("fault", "code"), list(enumerate(EXPECTED.values())))
def test_strict_ends_with_any_of_them_in_one_line(
    faulty: Path, small_model: WikiClip, fault: int, code: str, earlier: bool
):
    """Whether this pass meets it or an earlier one did."""
    write_annotations(faulty, "val", "entity", [*rows("val", "entity", 4), faults()[fault]])
    if earlier:
        opened(small_model, "maskoven", Part.VAL)
    with pytest.raises(BadRecordFound, match=f"^[^\n]*{code}[^\n]*$"):
        opened(small_model, "maskoven", Part.VAL, strict=True)


def test_a_record_whose_picture_cannot_be_read_is_told(
    release: Path, small_model: WikiClip, capsys: pytest.CaptureFixture[str]
):
    path = release / "wikipedia_images_full/Q2/Q2.jpg"
    path.write_bytes(path.read_bytes()[:200])
    found = opened(small_model).training_set()
    assert found.own.tolist() == [0, 2, 3]
    assert "1 of the records' pictures cannot be read, the first Q2: wikipedia" in capsys.readouterr().err
    with pytest.raises(BadRecordFound, match="Q2: wikipedia"):
        opened(small_model, strict=True)


@pytest.mark.parametrize("reader", READERS)
def test_a_second_opening_reads_and_computes_nothing(
    faulty: Path, small_model: WikiClip, reader: str, monkeypatch: pytest.MonkeyPatch
):
    first = opened(small_model, reader, Part.VAL)
    wanted = first.queries("seen")
    monkeypatch.setattr(READERS[reader], "__iter__", lambda self: pytest.fail("the release is read again"))
    monkeypatch.setattr(Oven, "records", lambda self: pytest.fail("the knowledge base is read again"))
    monkeypatch.setattr(WikiClip, "see", lambda *given: pytest.fail("something is encoded again"))
    again = opened(small_model, reader, Part.VAL)
    asked = again.queries("seen")
    assert asked.data_ids == wanted.data_ids
    assert torch.equal(asked.pooled_QW, wanted.pooled_QW)
    assert (again.annotations.summary(), again.summary()) == (first.annotations.summary(), first.summary())


def test_a_release_that_changed_is_read_again(release: Path, small_model: WikiClip):
    assert len(opened(small_model)) == TRAIN
    write_annotations(release, "train", "entity", rows("train", "entity", 4))
    assert len(opened(small_model)) == TRAIN // 2 + 4


def test_only_some_of_an_entity_are_trained_on_and_only_those_are_looked_at(release: Path, small_model: WikiClip):
    found = opened(small_model, per_entity=1)
    assert len(found) == ENTITIES
    assert sorted(found.training_set().record_Q.tolist()) == list(range(ENTITIES))
    ids = {found.annotations[number].data_id for number in found.queries("train").number_Q}
    for task in ("entity", "query"):
        write_annotations(release, "train", task, rows("train", task, TRAIN // 2)[::-1])
    again = opened(small_model, per_entity=1)
    assert {again.annotations[number].data_id for number in again.queries("train").number_Q} == ids
    assert len(opened(small_model, part=Part.VAL, per_entity=1)) == 8, "what is measured on is never left out"


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2**64 - 1)), unique_by=lambda pair: pair[1]), st.integers(1, 4)
)
def test_at_most_agrees_with_a_loop(pairs: list[tuple[int, int]], most: int):
    kept = []
    for place, (group, chance) in enumerate(pairs):
        before = sum(1 for other, its in pairs if other == group and its < chance)
        kept += [place] if before < most else []
    group_N, chance_N = np.array([g for g, _ in pairs], np.int64), np.array([c for _, c in pairs], np.uint64)
    assert at_most(most, group_N, chance_N).tolist() == kept


def test_the_mask_is_the_one_of_the_file(release: Path, small_model: WikiClip):
    data = opened(small_model, "maskoven")
    _, found = read_mention(data.annotations[2])
    assert (found == mask(2)).all()
