"""A generated release, as the project's own readers see it."""

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.release.__main__ import app
from benchmarks.release.faults import Fault
from benchmarks.release.publishing import Plan
from benchmarks.release.write import write_release
from indexer.kb.oven import Oven
from indexer.kb.record import BadRecord, Entity
from training.data.annotation import Annotation, MentionError, read_mention
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part
from wikiclip.base.errors import WikiClipError

RECORDS, QUESTIONS, PICTURES = 120, 30, 100
PLAN = Plan(records=RECORDS, questions=QUESTIONS, pictures=PICTURES, mask_gb=0.001)
LABELLED = (Part.TRAIN, Part.VAL)

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def generated(benchmark_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "release"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIKICLIP_HOME", str(benchmark_home))
        write_release(folder, PLAN)
    return folder


def annotated(reader: type[OvenAnnotations | MaskOvenAnnotations], folder: Path, part: Part) -> list[Annotation]:
    found = list(reader(folder, part=part, images=folder))
    assert [each for each in found if isinstance(each, BadRecord)] == []
    return [each for each in found if isinstance(each, Annotation)]


def test_every_record_is_taken_and_some_have_their_picture(generated: Path):
    records = list(Oven(generated / "Wiki6M_ver_1_0.jsonl.gz", images=generated).records())
    assert len(records) == RECORDS
    entities = [record for record in records if isinstance(record, Entity)]
    assert len(entities) == RECORDS
    pictured = [entity for entity in entities if entity.images]
    assert RECORDS / 5 < len(pictured) < RECORDS / 2
    for entity in pictured:
        with Image.open(generated / entity.images[0]) as picture:
            assert picture.format == "JPEG"


@pytest.mark.parametrize("part", LABELLED)
def test_both_readers_take_every_question_and_agree(generated: Path, part: Part):
    plain, masked = (annotated(reader, generated, part) for reader in (OvenAnnotations, MaskOvenAnnotations))
    assert len(plain) == 2 * QUESTIONS
    by_id = {each.data_id: each for each in masked}
    assert len(by_id) == len(masked)
    assert (len(masked) > len(plain)) == (part == Part.TRAIN)  # which is filled up to a size
    for each in plain:
        twin = by_id[each.data_id]
        assert (twin.entity_id, twin.split, twin.task) == (each.entity_id, each.split, each.task)
        assert twin.picture.exists() == each.picture.exists()
        assert twin.picture == each.picture or not each.picture.exists()
    known = {record.entity_id for record in Oven(generated / "Wiki6M_ver_1_0.jsonl.gz").records()}
    assert {each.entity_id for each in masked} <= known


def test_what_is_seen_was_trained_on_and_what_is_unseen_was_not(generated: Path):
    trained = {each.entity_id for each in annotated(MaskOvenAnnotations, generated, Part.TRAIN)}
    for each in annotated(OvenAnnotations, generated, Part.VAL):
        assert (each.entity_id in trained) == (each.split == "seen")


def test_pictures_come_up_under_both_extensions_and_some_are_missing(generated: Path):
    found = annotated(OvenAnnotations, generated, Part.VAL) + annotated(OvenAnnotations, generated, Part.TRAIN)
    there = Counter(each.picture.suffix for each in found if each.picture.exists())
    assert set(there) == {".jpg", ".JPEG"}
    missing = [each for each in found if not each.picture.exists()]
    assert 0 < len(missing) < len(found) / 10
    with pytest.raises(MentionError) as refused:
        read_mention(missing[0])
    assert refused.value.code == "missing-picture"


@pytest.mark.parametrize("part", [Part.VAL, Part.TEST, Part.HUMAN, Part.WIKI])
def test_every_mask_fits_its_picture(generated: Path, part: Part):
    found = [each for each in annotated(MaskOvenAnnotations, generated, part) if each.picture.exists()]
    pieces = Counter[int]()
    for each in found:
        picture, mask = read_mention(each)
        assert mask.shape == (picture.height, picture.width)
        assert 0.001 < mask.mean() < 0.95
        assert isinstance(each.region, list)
        pieces[len(each.region)] += 1
    assert set(pieces) == {1, 2}


def test_boxes_are_those_of_the_masks(generated: Path):
    found = {each.data_id: each for each in annotated(MaskOvenAnnotations, generated, Part.VAL)}
    document = json.loads((generated / "mask_oven_query_val.json").read_text())
    names = {category["id"]: category["name"] for category in document["categories"]}
    for row in document["annotations"]:
        assert row["label"] == [names[row["category_id"]]]
        mention = found[row["id"]]
        if mention.picture.exists():
            _, mask = read_mention(mention)
            rows, columns = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
            left, top, right, bottom = zip(*row["bbox"], strict=True)
            assert (min(left), min(top)) == (columns[0], rows[0])
            assert (max(right), max(bottom)) == (columns[-1] + 1, rows[-1] + 1)


@pytest.mark.parametrize("name", ["oven_entity_test.jsonl", "oven_query_test.jsonl", "oven_human.jsonl"])
def test_labels_of_test_and_human_are_in_a_folder_of_their_own(generated: Path, name: str):
    plain, labelled = (
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in (generated / name, generated / "test_data" / name)
    )
    assert len(plain) == len(labelled) == QUESTIONS
    labels = ("entity_id", "entity_text")
    for without, whole in zip(plain, labelled, strict=True):
        assert without == {key: value for key, value in whole.items() if key not in labels}
        assert set(labels) <= whole.keys()


def test_another_release_is_not_written_over_one(generated: Path, tmp_path: Path):
    with pytest.raises(WikiClipError, match="other sizes"):
        write_release(generated, Plan(records=RECORDS, questions=1, pictures=PICTURES, mask_gb=0))
    (tmp_path / "letter.txt").touch()
    with pytest.raises(WikiClipError, match="something else"):
        write_release(tmp_path, PLAN)


@pytest.mark.usefixtures("own_home")
def test_a_fault_changes_its_own_file_alone(generated: Path, tmp_path: Path):
    sizes = ["--records", RECORDS, "--questions", QUESTIONS, "--pictures", PICTURES, "--mask-gb", 0.001]
    faults = [Fault.CUT_MASKS, Fault.HTML_PICTURE, Fault.MISSING_QUESTIONS]
    options = ["--out", tmp_path / "faulty", *sizes, *(word for fault in faults for word in ("--fault", fault))]
    made = CliRunner().invoke(app, [str(word) for word in options], catch_exceptions=False)
    assert made.exit_code == 0
    whole, faulty = contents(generated), contents(tmp_path / "faulty")
    changed = {name for name in whole if whole[name] != faulty.get(name)}
    assert len(changed) == 4
    assert {"generated.json", "mask_oven_entity_val.json", "oven_entity_val.jsonl"} < changed
    assert faulty.keys() == whole.keys() - {"oven_entity_val.jsonl"}
    (page,) = [name for name in changed if name.startswith("oven_images/")]
    assert faulty[page].startswith(b"<!DOCTYPE html>")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
